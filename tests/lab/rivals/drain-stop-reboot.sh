#!/bin/bash
# What the blog gives cstarpar: one host's way, without waiting for its return.
ssh "$1" nodetool drain && sleep 5
ssh "$1" sudo service cassandra stop && sleep 5
ssh "$1" sudo reboot &
