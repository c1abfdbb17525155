"""Jobs in processes of their own, under a time and a memory budget."""
