//! Random numbers for delays, so that several programs do not try again in step.

use ring::rand::{SecureRandom as _, SystemRandom};

/// Returns a random number, or a constant if the system has none, which does no harm.
pub fn chance() -> u64 {
    let mut bytes = [0; 8];
    let _ = SystemRandom::new().fill(&mut bytes);
    u64::from_ne_bytes(bytes)
}
