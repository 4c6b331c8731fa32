"""One call's brain: understands turns, decides, steps the machine and acts. No sockets, no SQL, no clock."""
