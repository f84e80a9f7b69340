//! Targets narrow the work; whatever matches nothing is an error with the name that was meant.

use super::*;
use crate::plan::samples;
use crate::playbook::defaults;

fn chosen(edit: impl FnOnce(&mut Playbook), only: &[&str], skip: &[&str]) -> Result<Vec<String>, Vec<Diagnostic>> {
    let mut playbook = defaults::playbook("x");
    edit(&mut playbook);
    let topology = samples::six_hosts_topology();
    let picks = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<Pick>>();
    let found = hosts(&playbook, &topology, &picks(only), &picks(skip))?;
    Ok(found.iter().map(|host| topology.hosts[*host].address.to_string().split_off(8)).collect())
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| name.to_string()).collect()
}

#[test]
fn kinds_narrow_each_other_and_exclude_takes_away() {
    assert_eq!(chosen(|_| (), &[], &[]).unwrap().len(), 6);
    let racks = |playbook: &mut Playbook| playbook.targets.racks = names(&["rack1", "rack2"]);
    assert_eq!(chosen(racks, &[], &[]).unwrap(), ["11", "14", "12", "15"]);
    let both = |playbook: &mut Playbook| {
        racks(playbook);
        playbook.targets.hosts = names(&["10.77.0.11", "10.77.0.13", "00000000-0000-0000-0000-000000000015"]);
    };
    assert_eq!(chosen(both, &[], &[]).unwrap(), ["11", "15"]);
    let without = |playbook: &mut Playbook| {
        playbook.targets.exclude =
            Selector { racks: names(&["rack3"]), hosts: names(&["10.77.0.11"]), ..Selector::default() }
    };
    assert_eq!(chosen(without, &[], &[]).unwrap(), ["14", "12", "15"]);
}

#[test]
fn only_and_skip() {
    assert_eq!(chosen(|_| (), &["rack=rack2"], &[]).unwrap(), ["12", "15"]);
    assert_eq!(chosen(|_| (), &["rack=rack2", "10.77.0.15", "10.77.0.11"], &[]).unwrap(), ["15"]);
    assert_eq!(chosen(|_| (), &["dc=dc1"], &["rack=rack1", "10.77.0.12"]).unwrap(), ["15", "13", "16"]);
}

#[test]
fn what_matches_nothing_is_an_error_with_its_place() {
    let errors = chosen(
        |playbook| {
            playbook.targets.racks = names(&["rack1", "rak2"]);
            playbook.targets.exclude.hosts = names(&["10.77.9.99"]);
            playbook.spans.insert("targets.racks[1]".into(), Span::new(7, 11));
        },
        &["dc=dc7"],
        &["rack=nowhere"],
    )
    .unwrap_err();
    let said: Vec<_> = errors.iter().map(|error| error.message.as_str()).collect();
    assert_eq!(
        said,
        [
            "`targets.racks` names the rack `rak2`, which the cluster does not have",
            "`targets.exclude.hosts` names the host `10.77.9.99`, which the cluster does not have",
            "`--only` names the data centre `dc7`, which the cluster does not have",
            "`--skip` names the rack `nowhere`, which the cluster does not have",
        ]
    );
    assert_eq!(errors[0].span, Some(Span::new(7, 11)));
    assert_eq!(errors[0].help.as_deref(), Some("did you mean `rack2`?"));
    assert_eq!(errors[3].help.as_deref(), Some("the cluster has the racks `rack1`, `rack2` and `rack3`"));
}

#[test]
fn a_selection_that_leaves_no_host_is_an_error() {
    assert_eq!(chosen(|_| (), &["rack=rack1"], &["rack=rack1"]).unwrap(), Vec::<String>::new());
    let picks: Vec<Pick> = vec!["rack=rack1".parse().unwrap()];
    let error = nothing(&defaults::playbook("any"), &picks, &picks);
    assert!(error.message.contains("`targets`, `--only` and `--skip` together leave no host"), "{error:?}");
}

#[test]
fn picks_are_read() {
    assert_eq!("10.0.0.1".parse(), Ok(Pick::Host("10.0.0.1".into())));
    assert_eq!("rack=a=b".parse(), Ok(Pick::Rack("a=b".into())));
    assert_eq!("dc=x".parse(), Ok(Pick::Datacenter("x".into())));
    assert!("zone=x".parse::<Pick>().unwrap_err().contains("`zone` selects nothing"));
    assert!("rack=".parse::<Pick>().is_err());
    assert!("".parse::<Pick>().is_err());
}
