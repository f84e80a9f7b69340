#!/bin/bash
# What people give to cstarpar: drain, stop, reboot in the background. $1 is the host.
host=$1
echo "draining $host"
ssh "$host" nodetool drain && sleep 5
echo "stopping cassandra on $host"
ssh "$host" sudo service cassandra stop && sleep 5
echo "rebooting $host"
ssh "$host" sudo reboot &
