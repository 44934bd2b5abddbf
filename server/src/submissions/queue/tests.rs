use super::*;

const NO_PAUSE: Duration = Duration::ZERO;

fn client(number: u8) -> Sender {
    Sender::Address([192, 0, 2, number].into())
}

fn token() -> Sender {
    Sender::Token("abc".to_owned())
}

fn places(all: usize, of_sender: usize) -> Places {
    Places { all, of_sender }
}

fn queued_by(queue: &Submissions, url: &str, sender: Sender) -> u64 {
    match queue.enqueue(url, sender).unwrap() {
        Enqueued::Queued(submission) => submission.id,
        Enqueued::Full | Enqueued::ShareFull => panic!("{url}: full"),
    }
}

fn queued(queue: &Submissions, url: &str) -> u64 {
    queued_by(queue, url, token())
}

fn failed(retry_in: Option<Duration>) -> Result<PackageId, Failure> {
    Err(Failure {
        message: "no".to_owned(),
        retry_in,
        is_without_address: false,
    })
}

#[test]
fn what_was_accepted_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("q");
    let queue = Submissions::open(path.clone(), places(10, 10), NO_PAUSE).unwrap();
    let first = queued(&queue, "http://a.example/1");
    let second = queued(&queue, "http://b.example/2");
    // The first is being worked on when the server dies, the second is done.
    assert_eq!(queue.take().unwrap().id, first);
    let taken = queue.take().unwrap();
    queue.finish(taken, Ok(PackageId(7))).unwrap();
    drop(queue);

    let queue = Submissions::open(path, places(10, 10), NO_PAUSE).unwrap();
    assert_eq!(queue.get(first).unwrap().state, SubmissionState::Queued);
    let done = queue.get(second).unwrap();
    assert_eq!(
        (done.state, done.package),
        (SubmissionState::Done, Some(PackageId(7)))
    );
    assert_eq!(queue.waiting(), 1);
    assert_eq!(queued(&queue, "http://c.example/"), second + 1);
}

#[test]
fn it_is_bounded_and_takes_each_url_once() {
    let directory = tempfile::tempdir().unwrap();
    let queue = Submissions::open(directory.path().to_owned(), places(2, 10), NO_PAUSE).unwrap();
    let first = queued(&queue, "http://a.example/1");
    assert_eq!(queued(&queue, "http://a.example/1"), first);
    queued(&queue, "http://a.example/2");
    let third = queue.enqueue("http://a.example/3", token()).unwrap();
    assert!(matches!(third, Enqueued::Full));
}

#[test]
fn one_request_at_a_time_goes_to_a_host() {
    let directory = tempfile::tempdir().unwrap();
    let pause = Duration::from_secs(1000);
    let queue = Submissions::open(directory.path().to_owned(), places(10, 10), pause).unwrap();
    queued(&queue, "http://a.example/1");
    queued(&queue, "http://a.example/2");
    let other = queued(&queue, "http://b.example/1");
    let first = queue.take().unwrap();
    assert_eq!(queue.take().unwrap().id, other);
    assert!(matches!(queue.lock().next(Instant::now()), Next::Wait(_)));
    // A host rests between two requests.
    queue.finish(first, failed(None)).unwrap();
    let now = Instant::now();
    assert!(matches!(queue.lock().next(now), Next::Wait(time) if time <= pause));
    assert!(matches!(queue.lock().next(now + pause), Next::Now(_)));
}

#[test]
fn passing_failures_are_tried_again_later() {
    let directory = tempfile::tempdir().unwrap();
    let queue = Submissions::open(directory.path().to_owned(), places(10, 10), NO_PAUSE).unwrap();
    let id = queued(&queue, "http://a.example/1");
    let taken = queue.take().unwrap();
    let later = Duration::from_secs(1000);
    queue.finish(taken, failed(Some(later))).unwrap();
    let known = queue.get(id).unwrap();
    assert_eq!((known.state, known.attempts), (SubmissionState::Queued, 1));
    let now = Instant::now();
    assert!(matches!(queue.lock().next(now), Next::Wait(_)));
    assert!(matches!(queue.lock().next(now + later), Next::Now(_)));
}

#[test]
fn only_so_many_finished_ones_are_remembered() {
    let mut queue = Queue::default();
    for id in 0..MAX_FINISHED as u64 + 3 {
        let submission = Submission {
            id,
            url: String::new(),
            state: SubmissionState::Failed,
            attempts: 1,
            message: None,
            package: None,
        };
        let sender = None;
        queue.all.insert(id, Kept { submission, sender });
    }
    assert_eq!(queue.forget_finished(), [0, 1, 2]);
    assert_eq!(queue.all.len(), MAX_FINISHED);
}

#[test]
fn a_sender_has_a_share_and_those_without_a_token_a_half() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    let queue = Submissions::open(path.clone(), places(4, 1), NO_PAUSE).unwrap();
    let add = |url: &str, sender| queue.enqueue(url, sender).unwrap();
    let first = queued_by(&queue, "http://a.example/1", client(1));
    let again = add("http://a.example/2", client(1));
    assert!(matches!(again, Enqueued::ShareFull));
    queued_by(&queue, "http://a.example/2", client(2));
    let third = add("http://a.example/3", client(3));
    assert!(matches!(third, Enqueued::Full));
    queued(&queue, "http://a.example/4");
    // What is finished takes no place, and its sender is not kept.
    let taken = queue.take().unwrap();
    assert_eq!(taken.id, first);
    queue.finish(taken, failed(None)).unwrap();
    let kept = std::fs::read_to_string(path.join(format!("{first}.json"))).unwrap();
    assert!(!kept.contains("192.0.2.1"), "{kept}");
    drop(queue);
    let queue = Submissions::open(path, places(4, 1), NO_PAUSE).unwrap();
    let second = queue.enqueue("http://a.example/5", client(2)).unwrap();
    assert!(matches!(second, Enqueued::ShareFull), "a restart keeps it");
    queued_by(&queue, "http://a.example/6", client(1));
}

#[test]
fn senders_take_turns_and_hosts_without_an_address_come_last() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    let queue = Submissions::open(path, places(20, 20), NO_PAUSE).unwrap();
    let mut many = Vec::new();
    for number in 0..4 {
        let url = format!("http://many-{number}.example/");
        many.push(queued_by(&queue, &url, client(1)));
    }
    let one = queued_by(&queue, "http://one.example/", client(2));
    let by_token = queued(&queue, "http://two.example/");
    let take = || queue.take().unwrap();
    let first = take();
    assert_eq!(first.id, many[0]);
    assert_eq!([take().id, take().id], [one, by_token]);
    let no_address = Failure {
        message: "no".to_owned(),
        retry_in: Some(Duration::ZERO),
        is_without_address: true,
    };
    queue.finish(first, Err(no_address)).unwrap();
    let rest = [take().id, take().id, take().id, take().id];
    assert_eq!(rest, [many[1], many[2], many[3], many[0]]);
}
