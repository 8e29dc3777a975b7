//! A bell: lets one thread end another's `poll`.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// The end that rings.
#[derive(Debug)]
pub struct Ringer(UnixStream);

/// The end that is polled.
#[derive(Debug)]
pub struct Bell(UnixStream);

/// Makes a bell.
///
/// # Errors
/// Those of `socketpair(2)`.
pub fn pair() -> io::Result<(Ringer, Bell)> {
    let (ringer, bell) = UnixStream::pair()?;
    ringer.set_nonblocking(true)?;
    bell.set_nonblocking(true)?;
    Ok((Ringer(ringer), Bell(bell)))
}

impl Ringer {
    /// Rings. A bell that is full of rings, or whose owner is gone, needs no further one.
    pub fn ring(&self) {
        let _full_or_gone = (&self.0).write(&[1]);
    }
}

impl Bell {
    /// Forgets all rings so far. Call it before looking at what the ring was about.
    pub fn clear(&self) {
        let mut rings = [0; 64];
        while matches!((&self.0).read(&mut rings), Ok(n) if n > 0) {}
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;

    fn rings(bell: &Bell) -> bool {
        poll(&mut [PollFd::new(bell.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO).unwrap() == 1
    }

    #[test]
    fn a_bell_rings_until_it_is_cleared_and_never_blocks_the_ringer() {
        let (ringer, bell) = pair().unwrap();
        assert!(!rings(&bell));
        for _ in 0..100_000 {
            ringer.ring();
        }
        assert!(rings(&bell));
        bell.clear();
        assert!(!rings(&bell));
    }
}
