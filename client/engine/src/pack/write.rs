//! Step three: writes the archive.

use std::io::{self, BufWriter, Read, Write};

use hashget_archive::{TarWriteError, TarWriter};
use hashget_words::rel_path::RelPath;
use hashget_words::restore_file::{RestoreFile, RestoreJson};

use super::compact::Compaction;
use super::compress::Compressor;
use super::error::PackError;
use super::member::made_file;
use super::members::Members;
use super::options::{ExtraFile, PackOptions};
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

/// Writes the archive: the files that `plan` keeps, and the list of those it leaves out.
///
/// The root comes first, then the restore file, then the rest in the order of the tree. A file that
/// changed since the scan is packed as it is now. On an error no new file appears under the archive's name.
pub fn write(
    scan: &PackScan,
    plan: &PackPlan,
    output: Output,
    options: &PackOptions,
    monitor: &dyn Monitor,
) -> Result<PackStats, PackError> {
    write_compact(scan, plan, &Compaction::default(), output, options, monitor)
}

/// Like [`write()`], but also leaves out what `compaction` found, without listing each file.
pub fn write_compact(
    scan: &PackScan,
    plan: &PackPlan,
    compaction: &Compaction,
    output: Output,
    options: &PackOptions,
    monitor: &dyn Monitor,
) -> Result<PackStats, PackError> {
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
    let (mut fates, plan) = recheck(scan, plan, options.fresh, &counted);
    let compacted = compaction.finish(scan, &plan, &mut fates, &counted);
    let list = restore_file(scan, &fates, &plan, compacted, options.expires)?;
    let tar = TarWriter::new(BufWriter::with_capacity(SMALL_BUFFER_BYTES, compressor));
    let tree = tree_stats(scan, &fates, &plan);
    let total = tree.tree_bytes - tree.deduplicated_bytes;
    let progress = Progress::start(monitor, "packing", Unit::Bytes, Some(total));
    let numeric_owner = options.walk.numeric_owner;
    let mut members = Members::new(tar, &scan.root, numeric_owner, &counted, &progress);
    let written = write_members(scan, &fates, &list, &options.extra, &mut members);
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
    let root = (!scan.entries.is_empty()).then(|| scan.entries.entry(0));
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
    for (place, fate) in fates.iter().enumerate().skip(1) {
        if *fate == Fate::Archive && !scan.omitted.contains(&place) {
            members.write(&scan.entries.entry(place))?;
        }
    }
    Ok(())
}

/// Content that could not be opened: the first read fails with the reason.
struct Unopened(Option<io::Error>);

impl Read for Unopened {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(self.0.take().unwrap_or_else(|| io::ErrorKind::Other.into()))
    }
}

/// Flushes the buffers and gives the archive its name; returns its size in bytes.
fn finish(buffer: BufWriter<Compressor<BufWriter<Sink>>>) -> io::Result<u64> {
    let compressor = buffer
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    let sink = compressor.finish()?;
    let sink = sink.into_inner().map_err(io::IntoInnerError::into_error)?;
    sink.finish()
}
