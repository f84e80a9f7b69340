//! Columns as Cassandra's TableBuilder prints them: each as wide as its widest cell, the last one
//! padded too.

/// Rows with a gap of `gap` blanks between columns.
pub fn columns(rows: &[Vec<String>], gap: usize) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count()).max();
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join(&" ".repeat(gap))
    };
    rows.iter().map(line).collect()
}

/// `186.13 KiB`, `173.1 KiB`, `512 bytes`: two decimals at most.
pub fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = "bytes";
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    let number = format!("{value:.2}");
    format!("{} {unit}", number.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_as_cassandra_prints_them() {
        assert_eq!(size(190_598), "186.13 KiB");
        assert_eq!(size(205_104), "200.3 KiB");
        assert_eq!(size(512), "512 bytes");
        assert_eq!(size(4 << 30), "4 GiB");
    }
}
