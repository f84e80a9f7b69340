//! Several questions to one node that together say what the cluster is.

use super::{Asker, Reply, now};
use crate::job::event::{Ms, Question};
use crate::job::view::{Answer, Shape};
use crate::plan::model::NodeIx;
use crate::topology::assembly::{self, Said};
use crate::topology::nodetool::{self, DescribedRing, RingView, StatusView};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// An answer that whoever asks next need not ask for again.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    pub node: NodeIx,
    pub question: Question,
    pub answer: Answer,
    pub asked: Ms,
    pub at: Ms,
}

/// The sentence is about what was asked and what came instead.
type Read<T> = Result<T, String>;

impl Asker {
    /// `status`, `describecluster` and `gossipinfo` of one node; `status` may have been read a moment ago.
    pub async fn said(&self, node: NodeIx, status: Option<StatusView>) -> Read<(Said, Vec<Heard>)> {
        let status = match status {
            Some(status) => status,
            None => self.parsed(node, &["status"], nodetool::parse_status).await?,
        };
        let (cluster, told) = self.timed(node, &["describecluster"], nodetool::parse_describecluster).await?;
        let (gossip, gossiped) = self.timed(node, &["gossipinfo"], nodetool::parse_gossipinfo).await?;
        let heard = |question, answer, (asked, at)| Heard { node, question, answer, asked, at };
        let heard = vec![
            heard(Question::Describe, Answer::Describe(Arc::new(cluster.clone())), told),
            heard(Question::Gossip, Answer::Gossip(Arc::new(gossip.clone())), gossiped),
        ];
        Ok((Said { by: self.name(node).to_owned(), status, cluster, gossip }, heard))
    }

    /// Owners of the tokens (`ring`: its first and last column hold whatever the racks are called), and
    /// the ring of one keyspace for each distinct replication setting (`describering`), as far as that is sensible.
    ///
    /// Shared among the nodes given, of which there is at least one and which agree: each keyspace is asked of one.
    pub async fn rings(&self, nodes: &[NodeIx], said: &Said) -> Read<(RingView, BTreeMap<String, DescribedRing>)> {
        let keyspaces = assembly::to_describe(said);
        let (first, second, third) = (nodes[0], nodes[1 % nodes.len()], nodes[2 % nodes.len()]);
        // the first has `ring` to read
        let of = |turn: usize| keyspaces.iter().skip(turn).step_by(3).map(String::as_str).collect::<Vec<_>>();
        let owners = async {
            let owners = self.parsed(first, &["ring"], nodetool::parse_ring).await?;
            Ok::<_, String>((owners, self.described(first, of(2)).await?))
        };
        let (owners, b, c) = tokio::join!(owners, self.described(second, of(0)), self.described(third, of(1)));
        let (owners, mut described) = owners?;
        described.extend(b?);
        described.extend(c?);
        Ok((owners, described))
    }

    async fn described(&self, node: NodeIx, keyspaces: Vec<&str>) -> Read<BTreeMap<String, DescribedRing>> {
        let mut described = BTreeMap::new();
        for keyspace in keyspaces {
            let ring = self.parsed(node, &["describering", keyspace], nodetool::parse_describering).await?;
            described.insert(keyspace.to_owned(), ring);
        }
        Ok(described)
    }

    /// Runs one nodetool command and reads its text.
    pub async fn parsed<T>(
        &self,
        node: NodeIx,
        args: &[&str],
        parse: impl Fn(&str) -> Result<T, nodetool::ParseError>,
    ) -> Read<T> {
        Ok(self.timed(node, args, parse).await?.0)
    }

    /// The same, with the times of asking and answer.
    async fn timed<T>(
        &self,
        node: NodeIx,
        args: &[&str],
        parse: impl Fn(&str) -> Result<T, nodetool::ParseError>,
    ) -> Read<(T, (Ms, Ms))> {
        let output = self.nodetool(node, args).await.map_err(|failure| failure.to_string())?;
        let read = parse(&output.text).map_err(|error| self.unreadable(node, &error))?;
        Ok((read, (output.asked, output.at)))
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
        let (said, _) = self.said(node, None).await?;
        let (owners, described) = self.rings(&[node], &said).await?;
        let asked: Vec<IpAddr> = self.name(node).parse().into_iter().collect();
        let schema_ids = said.cluster.schema.keys().cloned().collect();
        let topology = assembly::assemble(&[said], &owners, &described, Vec::new(), asked)
            .map_err(|refused| refused.to_string())?;
        Ok(Shape { topology, schema_ids })
    }
}
