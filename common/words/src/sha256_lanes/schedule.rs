//! Keeps every lane busy: a lane that has finished its message takes the next one.

use super::compress::{Engine, INITIAL, States};
use super::sizes::{BLOCK, MAX_LANES};
use crate::digest::Digest;

/// One message on its way: its whole blocks lie in the message itself, the last one or two,
/// with the padding, in `tail`.
#[derive(Clone, Copy)]
struct Lane<'a> {
    /// Which message it is; `None` when the lane is idle.
    place: Option<usize>,
    body: &'a [u8],
    tail: [u8; 2 * BLOCK],
    tail_start: usize,
    tail_end: usize,
}

const IDLE: Lane<'static> = Lane {
    place: None,
    body: &[],
    tail: [0; 2 * BLOCK],
    tail_start: 0,
    tail_end: 0,
};

impl<'a> Lane<'a> {
    /// Padding as FIPS 180-4, 5.1.1 has it: a one bit, zeros, the length in bits.
    fn new(place: usize, message: &'a [u8]) -> Self {
        let (body, rest) = message.split_at(message.len() / BLOCK * BLOCK);
        let mut tail = [0; 2 * BLOCK];
        tail[..rest.len()].copy_from_slice(rest);
        tail[rest.len()] = 0x80;
        let tail_end = if rest.len() + 9 <= BLOCK {
            BLOCK
        } else {
            2 * BLOCK
        };
        let bits = (message.len() as u64).wrapping_mul(8);
        tail[tail_end - 8..tail_end].copy_from_slice(&bits.to_be_bytes());
        Self {
            place: Some(place),
            body,
            tail,
            tail_start: 0,
            tail_end,
        }
    }

    /// The blocks that lie in one piece and come next.
    fn ready(&self) -> &[u8] {
        if self.body.is_empty() {
            &self.tail[self.tail_start..self.tail_end]
        } else {
            self.body
        }
    }

    fn consume(&mut self, bytes: usize) {
        if self.body.is_empty() {
            self.tail_start += bytes;
        } else {
            self.body = &self.body[bytes..];
        }
    }

    fn is_finished(&self) -> bool {
        self.body.is_empty() && self.tail_start == self.tail_end
    }
}

pub(super) fn run(engine: Engine, messages: &[&[u8]]) -> Vec<Digest> {
    let mut digests = vec![Digest::from_bytes([0; Digest::BYTES]); messages.len()];
    let mut waiting = messages.iter().enumerate();
    let mut states = States::default();
    let mut all_lanes = [IDLE; MAX_LANES];
    let lanes = &mut all_lanes[..engine.lanes()];
    loop {
        for (number, lane) in lanes.iter_mut().enumerate() {
            if lane.place.is_none()
                && let Some((place, message)) = waiting.next()
            {
                *lane = Lane::new(place, message);
                states.set(number, INITIAL);
            }
        }
        let busy = lanes.iter().filter(|lane| lane.place.is_some());
        let Some(bytes) = busy.map(|lane| lane.ready().len()).min() else {
            break;
        };
        // An idle lane hashes whatever another one does; nobody looks at the result.
        let filler = lanes
            .iter()
            .find(|lane| lane.place.is_some())
            .map_or(&[][..], Lane::ready);
        let mut blocks = [&filler[..bytes]; MAX_LANES];
        for (block, lane) in blocks.iter_mut().zip(&*lanes) {
            if lane.place.is_some() {
                *block = &lane.ready()[..bytes];
            }
        }
        engine.compress(&mut states, &blocks[..engine.lanes()]);
        for (number, lane) in lanes.iter_mut().enumerate() {
            let Some(place) = lane.place else { continue };
            lane.consume(bytes);
            if lane.is_finished() {
                digests[place] = Digest::from_bytes(states.digest(number));
                lane.place = None;
            }
        }
    }
    digests
}
