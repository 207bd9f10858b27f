//! Port numbers that belong to one process for as long as it lives.
//!
//! All of them are below 32768, where the kernel begins to hand out its own. A block is held by a lock on a file
//! (not by the file's existence), so a killed test gives its ports back.

use std::fs::{self, File};
use std::net::{TcpListener, UdpSocket};

use anyhow::{Context, Result, bail};

use crate::scratch;

/// Ports in one unit, the step between two lock files.
const UNIT: u16 = 500;
/// Where ordinary blocks, one unit each, are taken from: 22 of them.
const SMALL: [std::ops::Range<u16>; 2] = [10_000..15_000, 19_000..25_000];
/// Where a bench's block is taken from: one, and it is large.
const WIDE: std::ops::Range<u16> = 26_000..32_000;
/// Ports at the start of a block that are no media ports.
const CONTROL: u16 = 20;
/// Ports for audio on either side of an ordinary block: 100 calls at once.
const RTP_SMALL: u16 = 200;
/// Ports for audio on either side of a bench's block: 1 400 calls at once.
const RTP_WIDE: u16 = 2_800;

/// A set of loopback ports nobody else of this user has. Given back when dropped or when the process ends.
#[derive(Debug)]
pub struct PortBlock {
    /// SIP of our PBX, UDP.
    pub pbx_sip: u16,
    /// SIP of the carrier simulator, UDP.
    pub carrier_sip: u16,
    /// SIP of the bulk callee, UDP.
    pub sipp: u16,
    /// First of five ports that the bulk callee opens for media, UDP.
    pub sipp_media: u16,
    /// Never opened by anybody: the trunk `dead` leads here, UDP.
    pub dead: u16,
    /// Asterisk's HTTP server with ARI, TCP.
    pub ari: u16,
    /// Manager interface of our PBX, TCP.
    pub pbx_ami: u16,
    /// Manager interface of the carrier simulator, TCP.
    pub carrier_ami: u16,
    /// Carillon's own API, TCP.
    pub api: u16,
    /// For whatever else a test listens on, TCP or UDP.
    pub spare: [u16; 4],
    /// First and last port for audio of our PBX, two per call.
    pub pbx_rtp: (u16, u16),
    /// First and last port for audio of the carrier simulator, two per call.
    pub carrier_rtp: (u16, u16),
    /// Holding the lock is holding the ports.
    _lock: Option<File>,
}

impl PortBlock {
    /// Takes a block for an ordinary test: 100 calls at once.
    pub fn lease() -> Result<Self> {
        let bases = SMALL.into_iter().flat_map(|range| range.step_by(usize::from(UNIT)));
        // Processes start at different places, so that they do not all try the same locks in the same order.
        let mut bases: Vec<u16> = bases.collect();
        let start = std::process::id() as usize % bases.len();
        bases.rotate_left(start);
        Self::take(&bases, RTP_SMALL)
    }

    /// Takes the one block for a bench: 1 400 calls at once.
    pub fn lease_wide() -> Result<Self> {
        Self::take(&[WIDE.start], RTP_WIDE)
    }

    /// The well-known ports of the demo. Fails if one of them is in use and names it.
    ///
    /// No lease ever overlaps with them.
    pub fn demo() -> Result<Self> {
        let block = Self {
            pbx_sip: 15_060,
            ari: 18_088,
            pbx_ami: 15_038,
            carrier_sip: 25_060,
            carrier_ami: 25_038,
            sipp: 25_080,
            sipp_media: 25_090,
            dead: 25_099,
            api: 8_080,
            spare: [25_100, 25_101, 25_102, 25_103],
            pbx_rtp: (16_000, 16_999),
            carrier_rtp: (17_000, 17_999),
            _lock: None,
        };
        if let Some(port) = block.first_in_use() {
            bail!("port {port} is in use: stop what listens there (another demo?) and try again");
        }
        Ok(block)
    }

    fn take(bases: &[u16], rtp: u16) -> Result<Self> {
        let folder = scratch::base()?.join("ports");
        fs::create_dir_all(&folder)?;
        for &base in bases {
            let path = folder.join(base.to_string());
            let lock = File::create(&path).with_context(|| format!("cannot open {}", path.display()))?;
            if lock.try_lock().is_err() {
                continue;
            }
            let block = Self::laid_out(base, rtp, lock);
            // Somebody who knows nothing of our locks may sit on a port.
            if block.first_in_use().is_none() {
                return Ok(block);
            }
        }
        bail!("no free block of ports below 32768 ({} tried): too many tests at once", bases.len())
    }

    fn laid_out(base: u16, rtp: u16, lock: File) -> Self {
        let pbx_rtp = base + CONTROL;
        let carrier_rtp = pbx_rtp + rtp;
        Self {
            pbx_sip: base,
            carrier_sip: base + 1,
            sipp: base + 2,
            dead: base + 3,
            ari: base + 4,
            pbx_ami: base + 5,
            carrier_ami: base + 6,
            api: base + 7,
            spare: [base + 8, base + 9, base + 10, base + 11],
            sipp_media: base + 12,
            pbx_rtp: (pbx_rtp, pbx_rtp + rtp - 1),
            carrier_rtp: (carrier_rtp, carrier_rtp + rtp - 1),
            _lock: Some(lock),
        }
    }

    fn first_in_use(&self) -> Option<u16> {
        let tcp = [self.ari, self.pbx_ami, self.carrier_ami, self.api];
        let udp = [self.pbx_sip, self.carrier_sip, self.sipp, self.sipp_media, self.dead];
        let tcp = tcp.into_iter().find(|&port| TcpListener::bind(("127.0.0.1", port)).is_err());
        tcp.or_else(|| udp.into_iter().find(|&port| UdpSocket::bind(("127.0.0.1", port)).is_err()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(block: &PortBlock) -> std::ops::RangeInclusive<u16> {
        block.pbx_sip..=block.carrier_rtp.1
    }

    #[test]
    fn two_leases_share_no_port_and_stay_below_the_ephemeral_range() {
        let (one, two) = (PortBlock::lease().unwrap(), PortBlock::lease().unwrap());
        assert!(span(&one).end() < span(&two).start() || span(&two).end() < span(&one).start());
        assert!(*span(&one).end() < 32_768 && *span(&two).end() < 32_768);
        assert_eq!(one.pbx_rtp.0 % 2, 0, "an RTP port is even");
    }

    #[test]
    fn a_port_that_is_in_use_is_passed_over() {
        let first = PortBlock::lease().unwrap();
        let base = first.pbx_sip;
        let _squatter = TcpListener::bind(("127.0.0.1", first.ari)).unwrap();
        drop(first);
        assert_ne!(PortBlock::lease().unwrap().pbx_sip, base);
    }

    #[test]
    fn the_areas_do_not_overlap_with_the_demo_and_a_block_fits_its_unit() {
        const { assert!(CONTROL + 2 * RTP_SMALL <= UNIT) };
        const { assert!(WIDE.start + CONTROL + 2 * RTP_WIDE <= WIDE.end) };
        for port in [15_060, 15_038, 18_088, 25_060, 25_038, 25_080, 8_080, 16_000, 17_999] {
            assert!(!SMALL.iter().any(|area| area.contains(&port)) && !WIDE.contains(&port), "{port}");
        }
    }
}
