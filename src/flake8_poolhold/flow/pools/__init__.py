"""What a service makes its engines, pools and sessionmakers with: every call, its keywords, its address."""
