//! Several threads must make of any input what one makes of it.

use hashget_tests::tar_builder::TarBuilder;
use liblzma::stream::MtStreamBuilder;
use liblzma::write::XzEncoder;

use super::*;

/// An xz stream of blocks that tell their sizes.
fn in_blocks(data: &[u8], block_size: u64) -> Vec<u8> {
    let mut builder = MtStreamBuilder::new();
    builder.threads(2).block_size(block_size).preset(0);
    let mut encoder = XzEncoder::new_stream(Vec::new(), builder.encoder().unwrap());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn noise(bytes: u32) -> Vec<u8> {
    (0..bytes)
        .map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[1] & 0x3F)
        .collect()
}

fn with_threads(threads: u32) -> ArchiveOptions {
    ArchiveOptions {
        threads,
        ..ArchiveOptions::default()
    }
}

fn read(bytes: &[u8], options: &ArchiveOptions) -> (Result<ArchiveKind, String>, Vec<Seen>) {
    let mut seen = Vec::new();
    let mut stream = bytes;
    let result = visit_all(Input::Stream(&mut stream), options, &mut seen);
    (result.map_err(|error| error.to_string()), seen)
}

/// What several threads read, and whether that is all. They fail where one thread does; how much
/// of the data before the damage is given out may differ.
fn compare(bytes: &[u8], what: &str) -> (bool, Vec<Seen>) {
    let (one, seen_by_one) = read(bytes, &with_threads(1));
    let (several, seen) = read(bytes, &with_threads(3));
    assert_eq!(one.is_ok(), several.is_ok(), "{what}: {one:?}, {several:?}");
    let ok = several.is_ok();
    let same = if ok {
        seen == seen_by_one
    } else {
        seen.starts_with(&seen_by_one) || seen_by_one.starts_with(&seen)
    };
    assert!(same, "{what}");
    (ok, seen)
}

#[test]
fn blocks_streams_and_padding_are_read_in_order() {
    let (one, two) = (noise(150_000), noise(9_000));
    let packed = [
        &in_blocks(&one, 4096)[..],
        &[0; 8],
        &in_blocks(b"", 4096),
        &in_blocks(&two, 1 << 20),
        &[0; 4],
    ]
    .concat();
    let (ok, seen) = compare(&packed, "two streams");
    assert!(ok);
    assert_eq!(seen[0].content, [one, two].concat());

    let tar = TarBuilder::new()
        .file("a", noise(50_000))
        .file("b", noise(70_000));
    let (ok, seen) = compare(&in_blocks(&tar.build(), 4096), "a tar");
    assert_eq!((ok, seen.len()), (true, 2));
}

#[test]
fn what_follows_the_last_stream_is_padding_or_an_error() {
    let packed = in_blocks(b"some text", 4096);
    for (after, fine) in [
        (&[0; 512][..], true),
        (&[0; 3], false),
        (b"more", false),
        (b"\0\0\0\0\0more", false),
        (b"\xfd7zXZ\0", false),
    ] {
        let (ok, _) = compare(&[&packed, after].concat(), &format!("{after:?}"));
        assert_eq!(ok, fine, "{after:?}");
    }
}

#[test]
fn damage_is_found_where_one_thread_finds_it() {
    let tar = TarBuilder::new()
        .file("a", noise(2000))
        .file("b", noise(900))
        .build();
    let whole = in_blocks(&tar, 1024);
    for cut in 0..whole.len() {
        compare(&whole[..cut], &format!("cut at {cut}"));
    }
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        compare(&bytes, &format!("flipped at {at}"));
    }
}

#[test]
fn blocks_that_do_not_fit_are_decoded_one_by_one() {
    let data = noise(3_000_000);
    let packed = in_blocks(&data, 1 << 20);
    let mut options = with_threads(3);
    // Enough for the window of preset 0, which is 256 KiB, and not for a block of 1 MiB beside it.
    options.limits.max_decoder_memory = 1 << 20;
    let (result, seen) = read(&packed, &options);
    result.unwrap();
    assert_eq!(seen[0].content, data);
    options.limits.max_decoder_memory = 100 << 10;
    let mut stream = &packed[..];
    let error = visit_all(Input::Stream(&mut stream), &options, &mut Vec::new()).unwrap_err();
    assert!(matches!(
        error,
        ReadError::Archive(ArchiveError::Limit {
            limit: LimitKind::DecoderMemory,
            ..
        })
    ));
}

/// A zstd frame that tells its size, with a checksum.
fn frame(data: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder
        .set_pledged_src_size(Some(data.len() as u64))
        .unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// As `pzstd` writes it: before each frame one to be skipped.
fn in_frames(data: &[u8], frame_size: usize) -> Vec<u8> {
    let frames = data.chunks(frame_size).map(frame);
    let noted = |frame: Vec<u8>| {
        let size = u32::try_from(frame.len()).unwrap().to_le_bytes();
        [&[0x50, 0x2A, 0x4D, 0x18, 4, 0, 0, 0][..], &size, &frame].concat()
    };
    frames.flat_map(noted).collect()
}

#[test]
fn frames_are_read_in_order() {
    let (one, two, three) = (noise(150_000), noise(70), noise(9_000));
    let unsized_frame = zstd::encode_all(&two[..], 1).unwrap();
    let plain = [frame(&one), frame(b""), frame(&two), frame(&three)].concat();
    for (packed, expected) in [
        (plain, [&one[..], &two, &three].concat()),
        (in_frames(&one, 4096), one.clone()),
        (
            [frame(&one), unsized_frame, frame(&three), frame(&three)].concat(),
            [&one[..], &two, &three, &three].concat(),
        ),
        (frame(&one), one.clone()),
        (frame(b""), Vec::new()),
    ] {
        let (ok, seen) = compare(&packed, "frames");
        assert!(ok);
        assert!(seen[0].content == expected);
    }
    let tar = TarBuilder::new()
        .file("a", noise(50_000))
        .file("b", noise(70_000));
    let (ok, seen) = compare(&in_frames(&tar.build(), 4096), "a tar");
    assert_eq!((ok, seen.len()), (true, 2));
}

#[test]
fn what_follows_the_last_frame_is_an_error() {
    let packed = in_frames(&noise(9_000), 4096);
    let skipped = [0x5F, 0x2A, 0x4D, 0x18, 2, 0, 0, 0, 1, 2];
    for (after, fine) in [
        (&[][..], true),
        (&skipped, true),
        (&skipped[..9], false),
        (&[0; 512], false),
        (b"more", false),
        (&[0x28], false),
    ] {
        let (ok, _) = compare(&[&packed, after].concat(), &format!("{after:?}"));
        assert_eq!(ok, fine, "{after:?}");
    }
}

#[test]
fn damage_of_frames_is_found_where_one_thread_finds_it() {
    let tar = TarBuilder::new()
        .file("a", noise(2000))
        .file("b", noise(900))
        .build();
    let whole = in_frames(&tar, 1024);
    for cut in 0..whole.len() {
        compare(&whole[..cut], &format!("cut at {cut}"));
    }
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        compare(&bytes, &format!("flipped at {at}"));
    }
}

#[test]
fn frames_that_do_not_fit_are_decoded_by_one() {
    let data = noise(3_000_000);
    let packed = in_frames(&data, 1 << 20);
    let mut options = with_threads(3);
    // Enough for the windows, and not for two frames with what they become.
    options.limits.max_decoder_memory = 1 << 20;
    let (result, seen) = read(&packed, &options);
    result.unwrap();
    assert!(seen[0].content == data);
    options.limits.max_decoder_memory = 100 << 10;
    let mut stream = &packed[..];
    let error = visit_all(Input::Stream(&mut stream), &options, &mut Vec::new()).unwrap_err();
    assert!(matches!(
        error,
        ReadError::Archive(ArchiveError::Limit {
            limit: LimitKind::DecoderMemory,
            ..
        })
    ));
}
