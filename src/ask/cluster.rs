//! Several questions to one node that together say what the cluster is.

use super::{Asker, Reply, now};
use crate::job::view::{Answer, Shape};
use crate::plan::model::NodeIx;
use crate::topology::assembly::{self, Said};
use crate::topology::nodetool::{self, DescribedRing, RingView};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// The sentence is about what was asked and what came instead.
type Read<T> = Result<T, String>;

impl Asker {
    /// `status`, `describecluster` and `gossipinfo` of one node.
    pub async fn said(&self, node: NodeIx) -> Read<Said> {
        Ok(Said {
            by: self.name(node).to_owned(),
            status: self.parsed(node, &["status"], nodetool::parse_status).await?,
            cluster: self.parsed(node, &["describecluster"], nodetool::parse_describecluster).await?,
            gossip: self.parsed(node, &["gossipinfo"], nodetool::parse_gossipinfo).await?,
        })
    }

    /// Owners of the tokens (`ring`: its first and last column hold whatever the racks are called), and
    /// the ring of one keyspace for each distinct replication setting (`describering`).
    pub async fn rings(&self, node: NodeIx, said: &Said) -> Read<(RingView, BTreeMap<String, DescribedRing>)> {
        let owners = self.parsed(node, &["ring"], nodetool::parse_ring).await?;
        let mut described = BTreeMap::new();
        for keyspace in assembly::to_describe(&said.cluster.keyspaces) {
            let ring = self.parsed(node, &["describering", &keyspace], nodetool::parse_describering).await?;
            described.insert(keyspace, ring);
        }
        Ok((owners, described))
    }

    /// Runs one nodetool command and reads its text.
    pub async fn parsed<T>(
        &self,
        node: NodeIx,
        args: &[&str],
        parse: impl Fn(&str) -> Result<T, nodetool::ParseError>,
    ) -> Read<T> {
        let output = self.nodetool(node, args).await.map_err(|failure| failure.to_string())?;
        parse(&output.text).map_err(|error| self.unreadable(node, &error))
    }

    pub(super) fn unreadable(&self, node: NodeIx, error: &nodetool::ParseError) -> String {
        format!("{} answered what cannot be read: {error}", self.name(node))
    }

    /// The cluster read anew through one node.
    pub(super) async fn shape(&self, node: NodeIx) -> Reply {
        let asked = now();
        let answer = match self.read_shape(node).await {
            Ok(shape) => Answer::Shape(Arc::new(shape)),
            Err(sentence) => Answer::Unreadable(sentence),
        };
        Reply { answer, asked, at: now() }
    }

    async fn read_shape(&self, node: NodeIx) -> Read<Shape> {
        let said = self.said(node).await?;
        let (owners, described) = self.rings(node, &said).await?;
        let asked: Vec<IpAddr> = self.name(node).parse().into_iter().collect();
        let schema_ids = said.cluster.schema.keys().cloned().collect();
        let topology = assembly::assemble(&[said], &owners, &described, Vec::new(), asked)
            .map_err(|refused| refused.to_string())?;
        Ok(Shape { topology, schema_ids })
    }
}
