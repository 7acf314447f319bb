//! Unpacking gzip a piece at a time, so that a small body never becomes a large one in memory.

use std::io::Write;

use actix_web::web::{Buf, Bytes};
use flate2::write::MultiGzDecoder;

/// Packed bytes that are taken at once. Each becomes at most about a thousand.
const STEP: usize = 64;

/// It is not gzip, or not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotGzip;

/// Unpacks one body of gzip, which may be of several members.
pub(super) struct Gunzip(MultiGzDecoder<Vec<u8>>);

impl Default for Gunzip {
    fn default() -> Self {
        Self(MultiGzDecoder::new(Vec::new()))
    }
}

impl Gunzip {
    /// Takes something off the front of `packed` and gives what comes of it, tens of kilobytes at
    /// most and possibly nothing.
    pub(super) fn unpack(&mut self, packed: &mut Bytes) -> Result<Bytes, NotGzip> {
        // Small steps are gathered, so that pieces are worth handing on.
        while !packed.is_empty() && self.0.get_ref().len() < STEP * 1024 {
            let step = &packed[..packed.len().min(STEP)];
            match self.0.write(step) {
                Ok(n) if n > 0 => packed.advance(n),
                Ok(_) | Err(_) => return Err(NotGzip),
            }
        }
        Ok(self.take())
    }

    /// The rest, once everything was unpacked.
    pub(super) fn finish(&mut self) -> Result<Bytes, NotGzip> {
        self.0.try_finish().map_err(|_| NotGzip)?;
        Ok(self.take())
    }

    fn take(&mut self) -> Bytes {
        Bytes::from(std::mem::take(self.0.get_mut()))
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    /// Everything unpacked, and the largest piece.
    fn unpacked(packed: &[u8]) -> Result<(Vec<u8>, usize), NotGzip> {
        let (mut gunzip, mut packed) = (Gunzip::default(), Bytes::copy_from_slice(packed));
        let (mut all, mut largest) = (Vec::new(), 0);
        while !packed.is_empty() {
            let piece = gunzip.unpack(&mut packed)?;
            largest = largest.max(piece.len());
            all.extend_from_slice(&piece);
        }
        all.extend_from_slice(&gunzip.finish()?);
        Ok((all, largest))
    }

    #[test]
    fn a_bomb_comes_in_small_pieces() {
        let bomb = packed(&vec![b'a'; 32 << 20]);
        assert!(bomb.len() < 64 << 10);
        let (all, largest) = unpacked(&bomb).unwrap();
        assert_eq!(all.len(), 32 << 20);
        assert!(largest < 256 << 10, "{largest}");
    }

    #[test]
    fn several_members_are_one_body() {
        let two = [packed(b"a,b\n"), packed(b"1,2\n")].concat();
        assert_eq!(unpacked(&two).unwrap().0, b"a,b\n1,2\n");
    }

    #[test]
    fn what_is_cut_changed_or_no_gzip_is_found_out() {
        let whole = packed(b"email address\na@example.org\n");
        assert_eq!(unpacked(&whole[..whole.len() - 1]), Err(NotGzip));
        let mut changed = whole.clone();
        let checksum = changed.len() - 8;
        changed[checksum] ^= 1;
        assert_eq!(unpacked(&changed), Err(NotGzip));
        assert_eq!(unpacked(b"email address\n"), Err(NotGzip));
        assert_eq!(unpacked(b""), Err(NotGzip));
    }
}
