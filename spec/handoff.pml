/*
 * The handoff on one Redis server: what the scripts `acquire` and `release` do, what clients do around them, and all that
 * can happen to messages, connections and processes in between. `npm run model` checks every order of events.
 *
 * Time is not counted. A lease has two ends: first its holder's deadline passes (from then on nobody may believe in it), later
 * the server's TTL is over. A refresh moves both, so there is none here.
 *
 * What is checked
 *   safety    never do two believe to hold the lock, and the fence of each believer is higher than that of the one before
 *   wakeups   there is no state in which somebody waits and nothing can happen any more (spin: an invalid end state), and no endless
 *             row of grants that nobody takes
 *   order     whoever is in line of a free lock is served before a newcomer
 *   waste     unless there was a fault, no lock is free with somebody in line, and no lease ends that its owner never knew of:
 *             a waiter that gave up never keeps the lock
 *
 * Each BUG_… takes one part of the protocol out, and the check must fail.
 */

#ifndef CLIENTS
#define CLIENTS 3
#endif
/* Acquires of each client, one after the other. */
#ifndef ATTEMPTS
#define ATTEMPTS 1
#endif
/* How many faults there may be in one run. */
#ifndef FAULTS
#define FAULTS 2
#endif

/* Who may give up waiting: the first client waits as long as it takes. */
#define isPatient(client) ((client) == 0)

#define OWNERS (CLIENTS * ATTEMPTS)
#define NOBODY 0
#define NONE 255
#define ACTS 254
/* Owner ids are 1 … OWNERS. */
#define ownerOf(client, attempt) ((client) * ATTEMPTS + (attempt) + 1)
#define clientOf(owner) (((owner) - 1) / ATTEMPTS)

/* The server. */
byte holder = NOBODY;
byte fence = 0;
bool ended = false; /* the holder's TTL is over */
chan line = [OWNERS] of { byte };
bool inLine[OWNERS + 1];
bool listening[CLIENTS]; /* whom the server takes for a listener */

/* The wire. */
chan inbox[CLIENTS] = [2] of { byte, byte };
byte stray[CLIENTS]; /* an acquire that was given up, and that the server may yet run */

/* The clients. */
bool crashed[CLIENTS];
bool connected[CLIENTS]; /* the subscriber */
bool back[CLIENTS]; /* the subscriber was away: who waits has to ask again */
byte behind[CLIENTS]; /* the lease behind which it waits, as far as it knows; NONE, or ACTS while it is about to send a command */
byte belief[CLIENTS]; /* the fence of the lease that it believes to hold, or 0 */

#define mayPoke(client) (behind[client] != NONE && (behind[client] != fence || ended || holder == NOBODY))

/* What the check keeps track of. */
byte faults = 0;
byte past = 0; /* the deadlines of all leases up to this fence have passed, or do not matter any more */
byte lastBelief = 0;

#define mayFail (faults < FAULTS)

/* SPUBLISH: it is lost where the server takes a connection for alive that is not. */
inline tell(owner) {
  if
  :: connected[clientOf(owner)] && len(inbox[clientOf(owner)]) < 2 -> inbox[clientOf(owner)]!owner, fence
  :: else
  fi
}

inline grant(owner) {
  /* So many grants would be a lock that is handed about and never taken. */
  assert(fence < 50);
  fence++;
  holder = owner;
  ended = false
}

/* Hands over to the first in line that listens; `self` is told by the reply. */
inline handOver(self) {
  holder = NOBODY;
  do
  :: holder == NOBODY && len(line) > 0 ->
    line?taker;
    inLine[taker] = false;
    if
    :: taker == self -> grant(taker)
    :: taker != self && listening[clientOf(taker)] ->
      grant(taker);
#ifdef BUG_FENCE_STAYS
      fence--;
#endif
#ifndef BUG_SILENT_HANDOFF
      tell(taker)
#endif
    :: else
    fi
  :: else -> break
  od;
  taker = NOBODY
}

inline enqueue(owner) {
  if
  :: inLine[owner]
  :: else -> line!owner; inLine[owner] = true
  fi
}

inline dequeue(owner) {
  if
  :: inLine[owner] -> line??eval(owner); inLine[owner] = false
  :: else
  fi
}

/* `reply` is the fence of the lease that this owner has, or 0 when it is in line. */
inline acquireScript(owner) {
  if
  :: holder == owner && !ended -> reply = fence
  :: holder != owner && holder != NOBODY && !ended -> enqueue(owner); reply = 0
  :: else ->
#ifndef BUG_BARGING
    handOver(owner);
#else
    holder = NOBODY;
#endif
    if
    :: holder == NOBODY ->
      assert(len(line) == 0);
      grant(owner)
    :: else
    fi;
    if
    :: holder == owner -> reply = fence
    :: else -> enqueue(owner); reply = 0
    fi
  fi
}

inline releaseScript(owner) {
  if
#ifndef BUG_FOREIGN_RELEASE
  :: holder == owner ->
#else
  :: holder != NOBODY ->
#endif
    handOver(NOBODY)
  :: else -> dequeue(owner)
  fi
}

/* How a waiter leaves. */
inline leaveScript(owner) {
#ifndef BUG_KEEPS_LEASE
  releaseScript(owner)
#else
  dequeue(owner)
#endif
}

/* What becomes of a grant that nobody here waits for. */
inline giveBack(owner) {
#ifndef BUG_KEEPS_LEASE
  releaseScript(owner)
#else
  skip
#endif
}

inline believe(client, itsFence) {
  belief[client] = itsFence;
  other = 0;
  do
  :: other < CLIENTS ->
    assert(other == client || belief[other] == 0);
    other++
  :: else -> break
  od;
  other = 0;
  assert(itsFence > lastBelief);
  lastBelief = itsFence
}

proctype Client(byte me) {
  byte attempt = 0;
  byte mine = NOBODY;
  byte reply = 0;
  byte taker = NOBODY;
  byte other = 0;
  byte told = NOBODY;
  byte toldFence = 0;

#ifndef BUG_LATE_SUBSCRIPTION
  /* Confirmed before the first enqueue. */
  atomic { connected[me] = true; listening[me] = true };
#endif

next:
  if
  :: atomic { attempt < ATTEMPTS -> mine = ownerOf(me, attempt); attempt++; behind[me] = ACTS }
  :: attempt == ATTEMPTS -> goto over
  fi;

ask:
  if
  :: atomic {
      !crashed[me] -> acquireScript(mine);
      if
      :: reply > past -> believe(me, reply); reply = 0; behind[me] = NONE; goto holding
      :: else -> reply = 0; behind[me] = fence; goto waiting
      fi
    }
  :: /* The answer is lost. */
    atomic { !crashed[me] && mayFail -> faults++; acquireScript(mine); reply = 0; behind[me] = ACTS; goto unknown }
  :: /* Nobody knows whether the server will run it. */
    atomic { !crashed[me] && mayFail && stray[me] == NOBODY -> faults++; stray[me] = mine; behind[me] = ACTS; goto unknown }
  :: crashed[me] -> goto dead
  fi;

unknown:
  if
  :: !crashed[me] -> goto ask
  :: !crashed[me] && !isPatient(me) -> goto leave
  :: crashed[me] -> goto dead
  fi;

waiting:
#ifdef BUG_LATE_SUBSCRIPTION
  if
  :: atomic { !connected[me] && !crashed[me] -> connected[me] = true; listening[me] = true }
  :: else
  fi;
#endif
  if
  :: atomic {
      !crashed[me] && len(inbox[me]) > 0 -> inbox[me]?told, toldFence;
      if
      :: told != mine -> giveBack(told); told = NOBODY; toldFence = 0; goto waiting
#ifndef BUG_STALE_GRANT
      :: told == mine && toldFence <= past -> told = NOBODY; toldFence = 0; goto ask
      :: told == mine && toldFence > past ->
#else
      :: told == mine ->
#endif
        believe(me, toldFence); told = NOBODY; toldFence = 0; behind[me] = NONE; goto holding
      fi
    }
#ifndef BUG_NO_POKE
  :: /* The poke: the lease behind which it got in line must be over. */
    atomic {
      !crashed[me] && mayPoke(me) ->
      assert(faults > 0 || (holder != NOBODY && (holder != mine || len(inbox[me]) > 0)));
      goto ask
    }
#endif
  :: atomic { !crashed[me] && back[me] -> back[me] = false; goto ask }
  :: /* Time is up, or the caller aborts. */
    atomic { !crashed[me] && !isPatient(me) -> behind[me] = ACTS }; goto leave
  :: crashed[me] -> goto dead
  fi;

leave:
  if
  :: atomic { !crashed[me] -> leaveScript(mine); behind[me] = NONE; goto next }
  :: /* The answer is lost, and it is sent again. */
    atomic { !crashed[me] && mayFail -> faults++; leaveScript(mine) }; goto leave
  :: crashed[me] -> goto dead
  fi;

holding:
  if
  :: atomic { !crashed[me] -> belief[me] = 0; releaseScript(mine); goto next }
  :: atomic { !crashed[me] && mayFail -> faults++; belief[me] = 0; releaseScript(mine); behind[me] = ACTS }; goto leave
  :: /* A message may come twice; one for somebody else is given back. */
    atomic {
      !crashed[me] && len(inbox[me]) > 0 -> inbox[me]?told, toldFence;
      if
#ifndef BUG_FORGETS_ITS_LEASE
      :: told == mine
      :: told != mine -> giveBack(told)
#else
      :: true -> giveBack(told)
#endif
      fi;
      told = NOBODY;
      toldFence = 0
    };
    goto holding
#ifdef BUG_REFRESH_RECREATES
  :: atomic { !crashed[me] && belief[me] == 0 && holder != mine -> holder = mine; ended = false; belief[me] = fence };
    assert(belief[0] == 0 || belief[1] == 0);
    goto holding
#endif
  :: crashed[me] -> goto dead
  fi;

over:
  /* Nobody waits any more, but the inbox is heard. */
end_over:
  do
  :: atomic {
      !crashed[me] && len(inbox[me]) > 0 -> inbox[me]?told, toldFence;
      giveBack(told);
      told = NOBODY;
      toldFence = 0
    }
  :: atomic { back[me] -> back[me] = false }
  :: crashed[me] -> break
  od;

dead:
  belief[me] = 0
}

/* What is on its way to `who` is lost. */
inline drain(who) {
  do
  :: len(inbox[who]) > 0 -> inbox[who]?_, _
  :: else -> break
  od
}

/* What becomes of a client and its connections. */
proctype Fate(byte who) {
  byte taker = NOBODY;
  byte reply = 0;

end_fate:
  do
  :: atomic { mayFail && !crashed[who] -> faults++; drain(who); connected[who] = false; crashed[who] = true; belief[who] = 0 }
  :: /* A connection is cut, with all that is on it. */
    atomic { mayFail && connected[who] -> faults++; drain(who); connected[who] = false }
  :: /* The server notices. */
    atomic { faults > 0 && listening[who] && !connected[who] -> listening[who] = false }
  :: /* The client notices. */
    atomic {
      faults > 0 && !connected[who] && !crashed[who] ->
      connected[who] = true;
      listening[who] = true;
      back[who] = true
    }
  :: /* A message is lost. */
    atomic { mayFail && len(inbox[who]) > 0 -> faults++; inbox[who]?_, _ }
  :: /* A message comes twice. */
    atomic { mayFail && len(inbox[who]) == 1 -> faults++; inbox[who]?<taker, reply>; inbox[who]!taker, reply; taker = NOBODY; reply = 0 }
  :: /* What nobody waits for any more is run all the same. */
    atomic { stray[who] != NOBODY -> acquireScript(stray[who]); stray[who] = NOBODY; reply = 0 }
  od
}

/* Whether the holder knows of its lease, is about to be told, or is about to ask. */
#define mayAct (!crashed[clientOf(holder)] && (belief[clientOf(holder)] == fence || len(inbox[clientOf(holder)]) > 0 || mayPoke(clientOf(holder))))

/* Both ends of the holder's lease. */
proctype Time() {
end_time:
  do
  :: /* The deadline: whoever believes in the lease stops at this very moment. To be so late takes a fault, a process that stalls. */
    atomic {
      holder != NOBODY && past < fence && (mayFail || !mayAct) ->
      if
      :: mayAct -> faults++
      :: else -> assert(faults > 0)
      fi;
      past = fence;
      belief[clientOf(holder)] = 0
    }
  :: /* Later the TTL is over. */
#ifndef BUG_EARLY_END
    atomic { holder != NOBODY && !ended && past == fence -> ended = true }
#else
    atomic { holder != NOBODY && !ended && mayFail -> faults++; ended = true }
#endif
  od
}

init {
  byte client = 0;
  atomic {
    do
    :: client < CLIENTS -> behind[client] = NONE; run Client(client); run Fate(client); client++
    :: else -> break
    od;
    run Time()
  }
}
