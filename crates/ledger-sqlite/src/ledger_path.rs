//! The paths of a ledger's files: resolves links and detects file systems that several machines can share.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// File systems that several machines can mount. Other machines may ignore a lock taken on one of them, and SQLite's
/// write-ahead log needs memory shared by all its users.
const SHARED: [&str; 22] = [
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "davfs",
    "gfs2",
    "glusterfs",
    "gpfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "ocfs2",
    "orangefs",
    "prl_fs",
    "pvfs2",
    "smb3",
    "smbfs",
    "vboxsf",
    "vmhgfs",
];
/// FUSE programs whose files are on a disk of this machine. Any other (`fuse.sshfs`, `fuse.rclone` …) may share its
/// files with other machines. (`fuseblk` and `virtiofs` do not have this form of name.)
const LOCAL_FUSE: [&str; 9] =
    ["bindfs", "cryfs", "encfs", "exfat", "fuse-overlayfs", "gocryptfs", "grpcfuse", "mergerfs", "ntfs-3g"];

/// A ledger's path, as SQLite resolves it.
#[derive(Clone, Debug)]
pub(crate) struct LedgerPath {
    /// The ledger itself, not a link to it.
    pub(crate) ledger: PathBuf,
    /// The given name, if it is a link: earlier releases kept the other files next to it.
    link: Option<PathBuf>,
}

impl LedgerPath {
    /// Resolves links. The directory must exist, the ledger need not.
    pub(crate) fn resolve(given: &Path) -> io::Result<Self> {
        let name = given.file_name().ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "no name of a file"))?;
        let directory = given.parent().filter(|directory| !directory.as_os_str().is_empty());
        let named = fs::canonicalize(directory.unwrap_or(Path::new(".")))?.join(name);
        match fs::symlink_metadata(&named) {
            Ok(found) if found.is_symlink() => Ok(Self { ledger: fs::canonicalize(&named)?, link: Some(named) }),
            _ => Ok(Self { ledger: named, link: None }),
        }
    }

    /// The ring file.
    pub(crate) fn ring(&self) -> PathBuf {
        beside(&self.ledger, ".waiting")
    }

    /// The ring file that an earlier release kept next to the link.
    pub(crate) fn ring_beside_link(&self) -> Option<PathBuf> {
        self.link.as_ref().map(|link| beside(link, ".waiting"))
    }

    /// The lock files of all releases.
    pub(crate) fn locks(&self) -> impl Iterator<Item = PathBuf> {
        [Some(&self.ledger), self.link.as_ref()].into_iter().flatten().map(|name| beside(name, ".lock"))
    }

    /// The files that SQLite keeps next to the ledger while it is open.
    pub(crate) fn beside_ledger(&self) -> [PathBuf; 2] {
        [beside(&self.ledger, "-wal"), beside(&self.ledger, "-shm")]
    }

    /// Fsyncs the directory, so that the files' names are on disk too.
    pub(crate) fn sync_directory(&self) -> io::Result<()> {
        File::open(self.directory())?.sync_all()
    }

    fn directory(&self) -> &Path {
        self.ledger.parent().unwrap_or(Path::new("/"))
    }

    /// The name of the file system if other machines may share it; `None` also if the system does not report it.
    pub(crate) fn shared_file_system(&self) -> Option<String> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let devices = [self.directory(), &self.ledger].map(fs::metadata).into_iter().flatten();
        devices.filter_map(|found| kind_of(&mounts, found.dev())).find(|kind| is_shared(kind)).map(ToOwned::to_owned)
    }
}

fn beside(ledger: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(ledger);
    name.push(suffix);
    name.into()
}

fn is_shared(kind: &str) -> bool {
    match kind.strip_prefix("fuse.") {
        Some(program) => !LOCAL_FUSE.contains(&program),
        None => SHARED.contains(&kind),
    }
}

/// The type of the file system that `/proc/self/mountinfo` lists for the device.
fn kind_of(mounts: &str, device: u64) -> Option<&str> {
    let major = (device >> 8) & 0xfff | (device >> 32) & !0xfff;
    let minor = device & 0xff | (device >> 12) & !0xff;
    let device = format!("{major}:{minor}");
    let found = mounts.lines().find(|line| line.split(' ').nth(2) == Some(&device))?;
    found.split_once(" - ")?.1.split(' ').next()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_resolved_and_the_older_place_of_the_ring_file_is_known() {
        let directory = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(directory.path()).unwrap();
        fs::create_dir(root.join("disk")).unwrap();
        symlink(root.join("disk"), root.join("data")).unwrap();
        let through_directory = LedgerPath::resolve(&root.join("data/ledger.db")).unwrap();
        assert_eq!(through_directory.ledger, root.join("disk/ledger.db"));
        assert_eq!(through_directory.ring_beside_link(), None);

        fs::write(root.join("disk/ledger.db"), "").unwrap();
        symlink("disk/ledger.db", root.join("link.db")).unwrap();
        let link = LedgerPath::resolve(&root.join("link.db")).unwrap();
        assert_eq!(link.ring(), root.join("disk/ledger.db.waiting"));
        assert_eq!(link.ring_beside_link(), Some(root.join("link.db.waiting")));
        assert_eq!(link.locks().collect::<Vec<_>>(), [root.join("disk/ledger.db.lock"), root.join("link.db.lock")]);

        symlink("nowhere.db", root.join("dangling.db")).unwrap();
        assert!(LedgerPath::resolve(&root.join("dangling.db")).is_err());
        assert!(LedgerPath::resolve(&root.join("missing/ledger.db")).is_err());
    }

    #[test]
    fn a_file_system_that_other_machines_may_have_is_told_by_its_device() {
        let mounts = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
            40 22 0:45 / /mnt/a b rw,relatime shared:5 - nfs4 server:/export rw\n\
            41 22 0:300 / /mnt/s rw - fuse.sshfs me@host: rw\n\
            42 22 0:46 / /secret rw - fuse.gocryptfs /cipher rw\n";
        let device = |major: u64, minor: u64| (major << 8) | (minor & 0xff) | ((minor & !0xff) << 12);
        let kind = |major, minor| kind_of(mounts, device(major, minor));
        assert_eq!(kind(8, 1).map(is_shared), Some(false));
        assert_eq!(kind(0, 45).filter(|kind| is_shared(kind)), Some("nfs4"));
        assert_eq!(kind(0, 300).filter(|kind| is_shared(kind)), Some("fuse.sshfs"));
        assert_eq!(kind(0, 46).map(is_shared), Some(false));
        assert_eq!(kind(9, 9), None);
    }

    #[test]
    fn the_place_of_this_test_is_on_this_machine_only() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(LedgerPath::resolve(&directory.path().join("ledger.db")).unwrap().shared_file_system(), None);
    }
}
