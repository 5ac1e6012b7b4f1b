"""From recorded Lines to machine code: trace -> Program -> passes -> Executable on the VM."""
