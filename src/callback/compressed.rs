//! Recognises compressed bodies, and decompresses gzip and zlib up to a bound. Decompressed
//! contents are never accepted: they only explain a refusal and show what the refused body claims.

use std::io::Read;

use flate2::read::{MultiGzDecoder, ZlibDecoder};

/// The compression of a body, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// What `Content-Encoding: deflate` means (RFC 9110, section 8.4.1.2).
    Zlib,
    /// RFC 8878; recognised, never decompressed.
    Zstd,
}

impl Compression {
    /// Returns the compression that the first bytes announce.
    pub fn of(body: &[u8]) -> Option<Self> {
        match body {
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            // Deflate with a window of 32 KiB, and a check over both bytes (RFC 1950, section 2.2).
            [0x78, flags, ..] if u16::from_be_bytes([0x78, *flags]).is_multiple_of(31) => {
                Some(Self::Zlib)
            }
            _ => None,
        }
    }

    /// Returns its name in `Content-Encoding`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zlib => "deflate",
            Self::Zstd => "zstd",
        }
    }
}

/// Decompresses a gzip or zlib body; `None` if it is neither, is broken, or holds more than `limit`
/// bytes.
///
/// Never decompresses more than `limit` bytes, so that a small body cannot become a large one.
pub fn decompress(body: &[u8], limit: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    read(decoder(body)?, limit.saturating_add(1), &mut out)?;
    (out.len() <= limit).then_some(out)
}

/// Decompresses the beginning of a gzip or zlib body, at most `limit` bytes; the body may be cut
/// off. `None` if it is neither.
pub(super) fn decompress_beginning(body: &[u8], limit: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    // Even after an error, `out` has what came before it.
    let _ = read(decoder(body)?, limit, &mut out);
    Some(out)
}

fn decoder(body: &[u8]) -> Option<Box<dyn Read + '_>> {
    match Compression::of(body)? {
        Compression::Gzip => Some(Box::new(MultiGzDecoder::new(body))),
        Compression::Zlib => Some(Box::new(ZlibDecoder::new(body))),
        Compression::Zstd => None,
    }
}

/// Returns `None` if it breaks off; `out` has what came before.
fn read(decoder: impl Read, bound: usize, out: &mut Vec<u8>) -> Option<()> {
    let bound = u64::try_from(bound).unwrap_or(u64::MAX);
    decoder.take(bound).read_to_end(out).ok().map(drop)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression as Level;
    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Level::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn gzip_and_zlib_are_undone() {
        let body = br#"{"event":"version_ready"}"#;
        assert_eq!(decompress(&gzip(body), 100).unwrap(), body);
        assert_eq!(decompress(&[gzip(b"{"), gzip(b"}")].concat(), 100).unwrap(), b"{}");
        let mut zlib = ZlibEncoder::new(Vec::new(), Level::default());
        zlib.write_all(body).unwrap();
        assert_eq!(decompress(&zlib.finish().unwrap(), 100).unwrap(), body);
        assert_eq!(decompress(&gzip(body), body.len()).unwrap(), body);
        assert_eq!(decompress(&gzip(body), body.len() - 1), None, "one byte too many");
        assert_eq!(decompress(&gzip(body)[..20], 100), None, "cut");
        for other in [b"".as_slice(), b"{}", b"x", b"\x1f\x8b", b"\x28\xb5\x2f\xfd\x00"] {
            assert_eq!(decompress(other, 100), None);
        }
    }

    #[test]
    fn a_bomb_is_not_filled() {
        // 64 MiB of nothing in 64 KiB.
        let bomb = gzip(&vec![0; 64 << 20]);
        assert!(bomb.len() < 80 << 10);
        let mut read_to = 0;
        let counting = Counting { inner: MultiGzDecoder::new(&*bomb), count: &mut read_to };
        read(counting, 1 << 16, &mut Vec::new()).unwrap();
        assert_eq!(read_to, 1 << 16, "no more is read than may be");
        assert_eq!(decompress(&bomb, 1 << 16), None);
        assert_eq!(decompress_beginning(&bomb, 1 << 16).unwrap().len(), 1 << 16);
    }

    #[test]
    fn of_a_body_that_was_cut_the_beginning_is_read() {
        // Noise, so that half of the compressed bytes hold about half of it.
        let noise: Vec<u8> =
            (0..4000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let whole = gzip(&noise);
        let cut = decompress_beginning(&whole[..whole.len() / 2], 1 << 16).unwrap();
        assert!(cut.len() > 500 && noise.starts_with(&cut), "{}", cut.len());
        assert_eq!(decompress_beginning(&whole, 1 << 16).unwrap(), noise);
        assert_eq!(decompress_beginning(&whole[..4], 1 << 16), Some(Vec::new()));
        assert_eq!(decompress_beginning(b"{}", 1 << 16), None);
    }

    struct Counting<'a, R> {
        inner: R,
        count: &'a mut usize,
    }

    impl<R: Read> Read for Counting<'_, R> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let read = self.inner.read(buffer)?;
            *self.count += read;
            Ok(read)
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_do_no_harm(mut body in proptest::collection::vec(proptest::prelude::any::<u8>(), 3..64)) {
            for start in [[0x1f, 0x8b, 8], [0x78, 0x9c, 0x4b]] {
                body.splice(..3, start);
                let _ = (decompress(&body, 1000), decompress_beginning(&body, 1000));
            }
        }
    }
}
