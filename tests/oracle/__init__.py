"""The oracle: runs a fixture on a real pool and a local network, and says where connections were held across waits."""
