//! The faults that can be injected into the all-in-one, and how they are drawn.

use std::time::Duration;

/// The signal that ends the all-in-one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndSignal {
    Kill,
    Terminate,
    /// SIGHUP, which a closed terminal sends.
    HangUp,
}

/// The files that are moved away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TakenFiles {
    Ledger,
    WriteAheadLog,
    Ring,
    All,
}

/// A fault of the all-in-one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AllInOneFault {
    /// The program is ended, and started again after a while.
    End(EndSignal, Duration),
    /// SIGSTOP for a while.
    Stop(Duration),
    /// Another program locks the ledger for a while, and the organiser sends a request during that time.
    Hold(Duration),
    /// The disk is full for a while.
    FillDisk(Duration),
    /// Files are moved away, and perhaps replaced by copies. The program must stop accepting ballots by itself. Then it
    /// is ended, the files are moved back, and it is started again.
    TakeFiles { files: TakenFiles, replaced: bool, end: EndSignal },
    /// The whole directory is renamed. The rest is as for `TakeFiles`.
    RenameDirectory(EndSignal),
    /// A second program is started on the same files, perhaps after the lock file was removed. It must be refused.
    Second { lock_removed: bool },
}

impl AllInOneFault {
    /// Draws a fault; `None` if it needs a small disk, and there is none.
    pub(crate) fn draw(random: &mut fastrand::Rng, disk: bool) -> Option<Self> {
        let mut for_ms = |range| Duration::from_millis(random.u64(range));
        let (shortly, a_while) = (for_ms(0..1_500), for_ms(500..5_000));
        let end = [EndSignal::Kill, EndSignal::Terminate, EndSignal::HangUp][random.usize(0..3)];
        let files =
            [TakenFiles::Ledger, TakenFiles::WriteAheadLog, TakenFiles::Ring, TakenFiles::All][random.usize(0..4)];
        let yes = random.bool();
        Some(match random.u8(0..16) {
            0..=3 => Self::End(EndSignal::Kill, shortly),
            4 => Self::End(end, shortly),
            5 => Self::Stop(a_while),
            6 | 7 => Self::Hold(a_while),
            8 | 9 if disk => Self::FillDisk(a_while),
            8 | 9 => return None,
            10..=12 => Self::TakeFiles { files, replaced: yes, end },
            13 => Self::RenameDirectory(end),
            _ => Self::Second { lock_removed: yes },
        })
    }
}
