#!/bin/sh
# cassandra.service runs this. The release is read at every start: an upgrade writes /etc/cassandra/release and restarts.
# The four cassandra.* waits are shortened: a lab has neither a thousand nodes nor slow gossip.
release=$(cat /etc/cassandra/release)
# Another folder of settings and of data, and another JMX port, make a second server on the same host (the control run's).
conf=${CASSANDRA_CONF:-/etc/cassandra} data=${CASSANDRA_DATA:-/var/lib/cassandra} run=${CASSANDRA_RUN:-/run/cassandra}
home=/opt/cassandra/$release
. /etc/cassandra/heap
# Servers of Cassandra 4 want Java 11; their nodetool runs on 17.
case $release in
4.*) java=/opt/cassandra/java11/bin/java options=java11.options ;;
*) java=$(cat /etc/cassandra/java) options=java17.options ;;
esac
exec "$java" @/etc/cassandra/$options -Xms"$HEAP" -Xmx"$HEAP" -XX:MaxDirectMemorySize=128M -XX:+ExitOnOutOfMemoryError \
  -Xshare:auto $(test -s "$home/server.jsa" && echo "-XX:SharedArchiveFile=$home/server.jsa -XX:+UnlockDiagnosticVMOptions -XX:+AllowArchivingWithJavaAgent") $SERVER_EXTRA \
  -javaagent:"$(echo "$home"/lib/jamm-*.jar)" -cp "$(cat "$home/classpath")" \
  -Dcassandra.config=file://$conf/cassandra.yaml -Dcassandra-rackdc.properties=file://$conf/cassandra-rackdc.properties \
  -Dcassandra.storagedir="$data" -Dcassandra.logdir="$run" \
  -Dlogback.configurationFile=/etc/cassandra/logback.xml -Djava.io.tmpdir="$run" -Djna.tmpdir="$run" \
  -Dcassandra-foreground=yes -Dcassandra.jmx.local.port="${CASSANDRA_JMX:-7199}" -Dcassandra.available_processors=2 -Dcassandra.libjemalloc=- \
  -Dcassandra.skip_wait_for_gossip_to_settle=0 -Dcassandra.ring_delay_ms=5000 -Dcassandra.shutdown_announce_in_ms=500 \
  -Dcassandra.superuser_setup_delay_ms=0 -Dcassandra.size_recorder_interval=0 -Dcassandra.consistent.rangemovement=false \
  org.apache.cassandra.service.CassandraDaemon
