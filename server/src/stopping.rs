//! The order to stop, as threads in the background wait for it.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{io, thread};

/// Told to a thread in the background when it shall end.
pub(crate) struct Stopping {
    flag: Mutex<bool>,
    condition: Condvar,
}

impl Stopping {
    /// Waits for the time to pass or the order to stop; whether it was the order.
    pub(crate) fn wait(&self, time: Duration) -> bool {
        let guard = self.flag.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .condition
            .wait_timeout_while(guard, time, |stop| !*stop);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn order(&self) {
        *self.flag.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.condition.notify_all();
    }
}

/// A thread in the background.
pub(crate) struct Background {
    name: &'static str,
    stopping: Arc<Stopping>,
    thread: JoinHandle<()>,
}

impl Background {
    /// Starts `work`, which must end soon after the order to stop.
    pub(crate) fn start(
        name: &'static str,
        work: impl FnOnce(&Stopping) + Send + 'static,
    ) -> io::Result<Self> {
        let stopping = Arc::new(Stopping {
            flag: Mutex::new(false),
            condition: Condvar::new(),
        });
        let told = Arc::clone(&stopping);
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || work(&told))?;
        Ok(Self {
            name,
            stopping,
            thread,
        })
    }

    /// Orders it to stop, and waits for its end.
    pub(crate) fn stop(self) {
        self.stopping.order();
        if self.thread.join().is_err() {
            tracing::error!("the thread {} panicked", self.name);
        }
    }
}
