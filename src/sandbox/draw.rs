//! Numbers and ids that look random and are the same every time: drawn from a seed and words.

use uuid::Builder;

/// A number drawn from a seed and what it is for (FNV-1a, then splitmix64's finish).
pub fn number(seed: u64, what: &str, index: u64) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325 ^ seed;
    for byte in what.bytes().chain(index.to_le_bytes()) {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    state = state.wrapping_add(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

fn bytes(seed: u64, what: &str, index: u64) -> [u8; 16] {
    let (high, low) = (number(seed, what, index), number(!seed, what, index));
    ((u128::from(high) << 64) | u128::from(low)).to_be_bytes()
}

/// A UUID of version 4 (host ids, boot ids).
pub fn uuid(seed: u64, what: &str, index: u64) -> String {
    Builder::from_random_bytes(bytes(seed, what, index)).into_uuid().to_string()
}

/// A UUID of version 3, as Cassandra's schema versions are.
pub fn uuid_of_content(seed: u64, what: &str, index: u64) -> String {
    Builder::from_md5_bytes(bytes(seed, what, index)).into_uuid().to_string()
}

/// 32 hexadecimal digits, as in /etc/machine-id.
pub fn machine_id(seed: u64, index: u64) -> String {
    uuid(seed, "machine", index).replace('-', "")
}
