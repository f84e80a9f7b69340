#!/bin/sh
# /usr/local/bin/nodetool of the hosts; every call is written down, so that a test can say what a run asked of the nodes
echo "$(date +%s%3N) $*" >>/var/tmp/nodetool.calls 2>/dev/null
home=/opt/cassandra/$(cat /etc/cassandra/release)
exec "$(cat /etc/cassandra/java)" @/etc/cassandra/java17.options -Xmx128M \
  -Xshare:auto $(test -s "$home/nodetool.jsa" && echo "-XX:SharedArchiveFile=$home/nodetool.jsa") $NODETOOL_EXTRA -cp "$(cat "$home/classpath")" \
  -Dcassandra.config=file:///etc/cassandra/cassandra.yaml -Dcassandra.storagedir=/var/lib/cassandra -Dcassandra.logdir=/tmp \
  -Dlogback.configurationFile=/etc/cassandra/logback-tools.xml org.apache.cassandra.tools.NodeTool "$@"
