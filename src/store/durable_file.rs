//! Files that are either there and whole or not there, also after a power cut.

use super::power_cut;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Writes `bytes` to `path` (mode 0600): a temporary file beside it, synced, renamed, the folder synced.
///
/// # Errors
/// When any of that fails; then `path` holds what it held before.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = write_temporary(path, bytes)?;
    power_cut::may_come("before a file is in its place");
    fs::rename(&temporary, path).inspect_err(|_| drop(fs::remove_file(&temporary)))?;
    power_cut::may_come("after a file is in its place");
    sync_folder(path)
}

/// Like [`replace`], but the first to come wins: `Ok(false)` when `path` is there already.
///
/// # Errors
/// When the file can neither be made nor found.
pub fn create_first(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let temporary = write_temporary(path, bytes)?;
    power_cut::may_come("before a file is claimed");
    // A hard link, unlike a rename, does not replace.
    let linked = fs::hard_link(&temporary, path);
    power_cut::may_come("after a file is claimed");
    fs::remove_file(&temporary)?;
    match linked {
        Ok(()) => sync_folder(path).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

fn write_temporary(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    // Two processes may write the same file: neither may touch the other's unfinished one.
    name.push(format!(".{}.new", std::process::id()));
    let temporary = path.with_file_name(name);
    let mut file = private_file(OpenOptions::new().write(true).create(true).truncate(true), &temporary)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(error) = written {
        drop(fs::remove_file(&temporary));
        return Err(error);
    }
    Ok(temporary)
}

/// Opens with mode 0600.
///
/// # Errors
/// Those of opening a file.
pub fn private_file(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.mode(0o600).open(path)
}

/// Makes a folder and those above it that are missing, mode 0700; one that is there stays as it is.
///
/// # Errors
/// Those of making a folder.
pub fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_wins_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("process");
        assert!(create_first(&path, b"one").unwrap());
        assert!(!create_first(&path, b"two").unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        replace(&path, b"three").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
