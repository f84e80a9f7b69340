//! What another process asks of the one that works on a run (`rollbook stop`).

use super::runs::signed;
use super::{Store, StoreError};
use crate::job::event::{Ms, Resolution};
use rusqlite::params;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Open no further host.
    Stop { by: String },
    /// Go on: whatever waits for an approval, or only this host (its place in the plan).
    Approve { by: String, host: Option<usize> },
    /// What became of the step of this host that a person is asked about.
    Resolve { by: String, host: usize, how: Resolution },
}

const STOP: &str = "stop";
const APPROVE: &str = "approve";

const RESOLVE: &str = "resolve";

/// `resolve 3 retry`
fn resolution(what: &str) -> Option<(usize, Resolution)> {
    let (host, how) = what.strip_prefix(RESOLVE)?.trim_start().split_once(' ')?;
    let how = serde_json::from_value(serde_json::Value::from(how)).ok()?;
    Some((host.parse().ok()?, how))
}

/// `approve`, or `approve 3` for one host.
fn approval(what: &str) -> Option<Option<usize>> {
    match what.strip_prefix(APPROVE)?.trim_start() {
        "" => Some(None),
        host => host.parse().ok().map(Some),
    }
}

impl Store {
    /// Asks the process that works on the run to stop gently; it looks every second.
    ///
    /// # Errors
    /// When there is no such run or the store cannot be written.
    pub fn request_stop(&self, run: &str, by: &str, at: Ms) -> Result<(), StoreError> {
        self.request(run, STOP, by, at)
    }

    /// Tells the process that works on the run that a person approves.
    ///
    /// # Errors
    /// When there is no such run or the store cannot be written.
    pub fn request_approval(&self, run: &str, host: Option<usize>, by: &str, at: Ms) -> Result<(), StoreError> {
        let what = host.map_or(APPROVE.to_owned(), |host| format!("{APPROVE} {host}"));
        self.request(run, &what, by, at)
    }

    /// Tells the process that works on the run what became of a step that a person is asked about.
    ///
    /// # Errors
    /// When there is no such run or the store cannot be written.
    pub fn request_resolution(
        &self,
        run: &str,
        host: usize,
        how: Resolution,
        by: &str,
        at: Ms,
    ) -> Result<(), StoreError> {
        let how = serde_json::to_value(how).ok().and_then(|how| how.as_str().map(str::to_owned)).unwrap_or_default();
        self.request(run, &format!("{RESOLVE} {host} {how}"), by, at)
    }

    fn request(&self, run: &str, what: &str, by: &str, at: Ms) -> Result<(), StoreError> {
        self.write(|db| {
            db.execute(
                "INSERT INTO requests (run, what, by_whom, at) VALUES (?1, ?2, ?3, ?4)",
                params![run, what, by, signed(at)],
            )
            .map_err(|error| StoreError::database(self.home(), error))
            .map(drop)
        })
    }

    /// Takes what was asked since the last look.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn take_requests(&self, run: &str) -> Result<Vec<Request>, StoreError> {
        let any = self.read(|db| {
            db.prepare("SELECT EXISTS (SELECT 1 FROM requests WHERE run = ?1)")?
                .query_row([run], |row| row.get::<_, bool>(0))
        })?;
        if !any {
            return Ok(vec![]);
        }
        self.write(|db| {
            let failed = |error| StoreError::database(self.home(), error);
            let mut query =
                db.prepare("DELETE FROM requests WHERE run = ?1 RETURNING what, by_whom").map_err(failed)?;
            let rows = query.query_map([run], |row| Ok((row.get::<_, String>(0)?, row.get(1)?))).map_err(failed)?;
            rows.map(|row| match row.map_err(failed)? {
                (what, by) if what == STOP => Ok(Request::Stop { by }),
                (what, by) => match (approval(&what), resolution(&what)) {
                    (Some(host), _) => Ok(Request::Approve { by, host }),
                    (None, Some((host, how))) => Ok(Request::Resolve { by, host, how }),
                    (None, None) => Err(StoreError::unreadable(self.home(), format!("a request `{what}`"))),
                },
            })
            .collect()
        })
    }
}
