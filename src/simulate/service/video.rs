//! The bytes of a made-up video: a function of its seed, so that no file is stored and any part of
//! it can be checked.

/// The box that an MP4 file begins with, so that tools recognise the file.
const HEAD: &[u8; 24] = b"\0\0\0\x18ftypisom\0\0\x02\0isommp42";

/// A made-up video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Video {
    seed: u64,
    bytes: u64,
}

impl Video {
    /// Returns the video of this seed with this length.
    pub const fn new(seed: u64, bytes: u64) -> Self {
        Self { seed, bytes }
    }

    /// Returns the video that a version has in a cycle.
    pub fn of_version(version_id: &str, cycle: u64, bytes: u64) -> Self {
        // FNV-1a: all that matters is that other versions have other bytes.
        let hash = version_id.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self::new(hash ^ mix(cycle), bytes)
    }

    /// Returns its length, in bytes.
    pub const fn len(&self) -> u64 {
        self.bytes
    }

    /// Returns whether it has no bytes.
    pub const fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Returns the `ETag`, which names seed and length.
    pub fn etag(&self) -> String {
        format!("\"{:016x}-{:x}\"", self.seed, self.bytes)
    }

    /// Returns up to `count` bytes from `offset` on; fewer at the end.
    pub fn part(&self, offset: u64, count: usize) -> Vec<u8> {
        let end = self.bytes.min(offset.saturating_add(count as u64));
        let mut part = Vec::with_capacity(count);
        let mut at = offset;
        while at < end {
            let word = mix(self.seed.wrapping_add(at / 8)).to_le_bytes();
            let from = usize::try_from(at % 8).unwrap_or_default();
            let wanted = usize::try_from(end - at).unwrap_or(8).min(8 - from);
            part.extend_from_slice(&word[from..from + wanted]);
            at += wanted as u64;
        }
        for (place, byte) in (offset..end).zip(&mut part) {
            let Some(head) = usize::try_from(place).ok().and_then(|place| HEAD.get(place)) else {
                break;
            };
            *byte = *head;
        }
        part
    }
}

/// The mixing function of `SplitMix64`.
const fn mix(value: u64) -> u64 {
    let value = value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_a_part_of_the_whole() {
        let video = Video::of_version("ver_1", 1, 1003);
        let whole = video.part(0, 5000);
        assert_eq!(whole.len(), 1003);
        assert!(whole.starts_with(HEAD));
        for (offset, count) in [(0, 1), (3, 30), (7, 9), (23, 2), (500, 400), (1000, 3)] {
            let part = video.part(offset as u64, count);
            assert_eq!(part, whole[offset..offset + count], "{offset} {count}");
        }
        assert_eq!(video.part(1000, 50).len(), 3);
        assert!(video.part(1003, 50).is_empty() && video.part(u64::MAX, 50).is_empty());
        let other = Video::of_version("ver_1", 2, 1003);
        assert_ne!(other.part(100, 50), video.part(100, 50));
        assert_ne!(other.etag(), video.etag());
    }
}
