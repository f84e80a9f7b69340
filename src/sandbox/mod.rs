//! A simulated cluster whose ssh, nodetool, systemctl and reboot are this very program under other names.
