//! The folder of the store: which one, and whether it may be used.

use super::StoreError;
use super::durable_file::private_folder;
use std::env;
use std::path::{Path, PathBuf};

/// File name of the database in the home folder.
pub const DATABASE: &str = "rollbook.db";

/// File systems whose locks hold only on the machine that took them (`statfs(2)`).
const NETWORK: [(u64, &str); 9] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xfe53_4d42, "SMB2"),
    (0xff53_4d42, "CIFS"),
    (0x0102_1997, "9P"),
    (0x5346_414f, "AFS"),
    (0x00c3_6400, "Ceph"),
    (0x0bd0_0bd0, "Lustre"),
    (0x4750_4653, "GPFS"),
];

/// `$ROLLBOOK_HOME`, else `$XDG_STATE_HOME/rollbook`, else `~/.local/state/rollbook`.
///
/// # Errors
/// When none of the variables is set.
pub fn from_environment() -> Result<PathBuf, StoreError> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("ROLLBOOK_HOME")
        // The XDG rules: a relative path there is to be ignored.
        .or_else(|| set("XDG_STATE_HOME").filter(|path| path.is_absolute()).map(|path| path.join("rollbook")))
        .or_else(|| set("HOME").map(|path| path.join(".local/state/rollbook")))
        .ok_or(StoreError::NoHome)
}

/// Makes the folder (mode 0700) and refuses one that lies on a network file system.
pub(super) fn prepare(home: &Path) -> Result<(), StoreError> {
    private_folder(&home.join("runs")).map_err(|error| StoreError::files(home, error))?;
    let found = rustix::fs::statfs(home).map_err(|error| StoreError::files(home, error.into()))?;
    match network(found.f_type as u64) {
        Some(kind) => Err(StoreError::Network { path: home.to_owned(), kind }),
        None => Ok(()),
    }
}

fn network(f_type: u64) -> Option<&'static str> {
    // The type is 32 bits wide, and comes sign-extended on some machines.
    NETWORK.iter().find(|(magic, _)| *magic == f_type & 0xffff_ffff).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_known_also_sign_extended() {
        assert_eq!(network(0x6969), Some("NFS"));
        assert_eq!(network(0xffff_ffff_ff53_4d42), Some("CIFS"));
        assert_eq!(network(0xef53), None);
        assert_eq!(network(0x0102_1994), None);
    }
}
