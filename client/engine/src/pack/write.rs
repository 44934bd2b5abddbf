//! Step three: the archive.

use std::io::{self, BufWriter, Read, Write};

use hashget_archive::{TarWriteError, TarWriter};
use hashget_words::rel_path::RelPath;
use hashget_words::restore_file::{RestoreFile, RestoreJson};

use super::compaction::Compaction;
use super::compress::Compressor;
use super::error::PackError;
use super::extra::ExtraFile;
use super::member::made_file;
use super::members::Members;
use super::output::{Output, Sink};
use super::plan::PackPlan;
use super::recheck::{Fate, recheck};
use super::restore_list::restore_file;
use super::scan::PackScan;
use super::stats::{PackStats, tree_stats};
use hashget_files::monitor::{Counted, Monitor, Progress, Unit};

const BUFFER_BYTES: usize = 256 * 1024;
/// Larger pieces, such as those of file contents, go to the compressor at once.
const SMALL_BUFFER_BYTES: usize = 32 * 1024;

/// Carries out `plan`; what `compaction` found is left out without listing it file by file.
pub(super) fn write_archive(
    scan: &PackScan,
    plan: &PackPlan,
    compaction: &Compaction,
    extra: &[ExtraFile],
    output: Output,
    monitor: &dyn Monitor,
) -> Result<PackStats, PackError> {
    let options = &scan.options;
    let counted = Counted::new(monitor);
    let sink = output.open()?;
    let path = sink.path().to_owned();
    let failed = |source: io::Error| PackError::Output {
        path: path.clone(),
        source,
    };
    let compressor = options
        .compression
        .writer(BufWriter::with_capacity(BUFFER_BYTES, sink))
        .map_err(failed)?;
    let (mut fates, plan) = recheck(scan, plan, &counted);
    let compacted = compaction.finish(scan, &plan, &mut fates, &counted);
    let list = restore_file(scan, &fates, &plan, compacted, extra)?;
    let tar = TarWriter::new(BufWriter::with_capacity(SMALL_BUFFER_BYTES, compressor));
    let tree = tree_stats(scan, &fates, &plan);
    let total = tree.tree_bytes - tree.deduplicated_bytes;
    let progress = Progress::start(monitor, "packing", Unit::Bytes, Some(total));
    let numeric_owner = options.walk.numeric_owner;
    let mut members = Members::new(tar, &scan.root, numeric_owner, &counted, &progress);
    let written = write_members(scan, &fates, &list, extra, &mut members);
    let written = written.and_then(|()| {
        let stats = members.stats;
        members.tar.finish().map(|buffer| (stats, buffer))
    });
    let (archived, buffer) = written.map_err(|source| PackError::Archive {
        path: path.clone(),
        source,
    })?;
    drop(progress);
    let archive_bytes = finish(buffer).map_err(failed)?;
    Ok(PackStats {
        archived_files: archived.archived_files,
        archived_bytes: archived.archived_bytes,
        socket_files: archived.socket_files,
        archive_bytes,
        problems: scan.problems + counted.problems(),
        ..tree
    })
}

fn write_members<W: Write>(
    scan: &PackScan,
    fates: &[Fate],
    list: &RestoreJson,
    extra: &[ExtraFile],
    members: &mut Members<'_, W>,
) -> Result<(), TarWriteError> {
    let root = scan.entries.iter().next();
    if let Some(root) = &root {
        members.write(root)?;
    }
    let root = root.as_ref();
    // It is a single name without `..`, so it is a path.
    let name = RelPath::new(RestoreFile::NAME.as_bytes()).unwrap_or_default();
    let header = made_file(&name, list.bytes(), root.map(|root| &root.metadata));
    members.tar.append(&header, &mut list.reader())?;
    for file in extra {
        let size = file.content.size();
        let header = made_file(&file.path, size, root.map(|root| &root.metadata));
        match file.content.open() {
            Ok(mut content) => members.tar.append(&header, &mut *content)?,
            Err(error) => members.tar.append(&header, &mut Unopened(Some(error)))?,
        }
    }
    for (index, fate) in scan.entries.indexes().zip(fates).skip(1) {
        if *fate == Fate::Archive && !scan.omitted.contains(&index) {
            members.write(&scan.entries.entry(index))?;
        }
    }
    Ok(())
}

/// Content that could not be opened: the first read tells why.
struct Unopened(Option<io::Error>);

impl Read for Unopened {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(self.0.take().unwrap_or_else(|| io::ErrorKind::Other.into()))
    }
}

/// Writes all that is still in buffers and makes the archive final; gives its size in bytes.
fn finish(buffer: BufWriter<Compressor<BufWriter<Sink>>>) -> io::Result<u64> {
    let compressor = buffer
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    let sink = compressor.finish()?;
    let sink = sink.into_inner().map_err(io::IntoInnerError::into_error)?;
    sink.finish()
}
