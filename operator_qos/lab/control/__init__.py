"""The lab's own calls: its clock, its chaos, what was called, what was true."""
