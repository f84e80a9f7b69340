//! The nearest known word to a misspelt one.

/// The known word that was probably meant: few edits away, case and `_`/`-` not counted.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('_', "-");
    let written = plain(written);
    let bound = (written.chars().count() / 3).clamp(1, 3);
    let scored = known.into_iter().map(|word| (distance(&written, &plain(word)), word));
    scored.filter(|(edits, _)| *edits <= bound).min_by_key(|(edits, _)| *edits).map(|(_, word)| word)
}

/// ``did you mean `x`?`` or a list of what is known.
pub fn did_you_mean<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(written, known.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None if known.is_empty() => "there is nothing of that kind to name".to_owned(),
        None => format!("known are {}", listed(known.iter().copied())),
    }
}

/// `` `a`, `b` and `c` ``.
pub fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// Edits (insert, delete, replace, swap of neighbours) between two short words.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = least;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_miss_is_found_and_a_stranger_is_not() {
        let known = ["drain", "stop", "start", "max-hosts"];
        assert_eq!(nearest("dran", known), Some("drain"));
        assert_eq!(nearest("sotp", known), Some("stop"));
        assert_eq!(nearest("max_hosts", known), Some("max-hosts"));
        assert_eq!(nearest("Drain", known), Some("drain"));
        assert_eq!(nearest("kubernetes", known), None);
        assert_eq!(did_you_mean("x", ["ab", "cd"]), "known are `ab` and `cd`");
    }
}
