use super::*;

fn read_line(line: &[&str]) -> anyhow::Result<Arguments> {
    read(line.iter().map(OsString::from))
}

#[test]
fn clap_finds_no_mistake_in_our_declarations() {
    Arguments::command().debug_assert();
}

#[test]
fn exec_is_found_behind_common_options_and_takes_them() {
    let read = read_line(&["rollbook", "--home", "exec", "-v", "exec", "--seed-host", "H", "ssh {} hostname"]).unwrap();
    assert_eq!(read.common.home, Some(PathBuf::from("exec")));
    let Command::Exec(flags) = read.command else { panic!("another command") };
    assert_eq!((flags.hosts.seed_host, flags.command), (vec!["H".to_owned()], vec!["ssh {} hostname".to_owned()]));
    let read = read_line(&["rollbook", "exec", "--seed-host", "H", "--home", "d", "hostname"]).unwrap();
    assert_eq!(read.common.home, Some(PathBuf::from("d")));
}

#[test]
fn durations_have_units() {
    assert_eq!(duration("1h 30m"), Ok(Duration::from_secs(5400)));
    assert!(duration("30").unwrap_err().contains("`30s`"));
    assert!(duration("-5s").is_err());
    assert!(duration("soon").is_err());
}
