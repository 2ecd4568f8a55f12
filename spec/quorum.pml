/*
 * The rules of a quorum of independent servers: who was granted the lock by one server asks the others to adopt lease and fence,
 * and holds it with a majority for one and the same fence. `npm run model` checks every order of events.
 *
 * Clients do not agree on whom to ask first. Time is not counted: an owner's deadline passes, and later its leases end on the
 * servers, on each by itself. Fences are times, so a server that has lost its data goes on above all that was granted before.
 *
 * It is simpler than the protocol in this: servers are asked in one order, one after the other, until a quorum has voted, and who is
 * refused gives up at once; with LIVELOCK the outranked leaves before the other loses patience.
 *
 * What is checked
 *   safety    never do two believe to hold the lock, and the fence of each believer is higher than that of the one before
 *             (with TIMELESS no deadline passes, which leaves room for more clients)
 *   progress  (with LIVELOCK) somebody gets it again and again, also with an even number of servers
 *
 * Each BUG_… takes one rule out, and the check must fail.
 */

#ifndef SERVERS
#define SERVERS 3
#endif
#ifndef CLIENTS
#define CLIENTS 2
#endif
/* Acquires of each client, each with an owner id of its own. */
#ifndef ATTEMPTS
#define ATTEMPTS 2
#endif
#ifndef FAULTS
#define FAULTS 1
#endif
/* How often a client proposes a higher fence. */
#define RAISES 1

#ifndef BUG_MINORITY
#define QUORUM (SERVERS / 2 + 1)
#else
#define QUORUM (SERVERS / 2)
#endif

#define NOBODY 0
#define OWNERS (CLIENTS * ATTEMPTS)
#define ownerOf(client, attempt) ((client) * ATTEMPTS + (attempt) + 1)
#define clientOf(owner) (((owner) - 1) / ATTEMPTS)

/* The servers. */
byte holder[SERVERS];
byte fenceOf[SERVERS];
bool ended[SERVERS];
byte strayOwner[SERVERS]; /* a question that was given up, and that the server may yet answer */
byte strayFence[SERVERS];

/* The clients. */
byte belief[CLIENTS]; /* the fence of the lease that it believes to hold, or 0 */
byte believing[CLIENTS]; /* its owner */
bool over[OWNERS + 1]; /* the deadline of this owner has passed */

/* What the check keeps track of. */
byte faults = 0;
byte highest = 0; /* of all fences */
byte lastBelief = 0;
#define mayFail (faults < FAULTS)

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
#ifndef LIVELOCK
  assert(itsFence > lastBelief);
  lastBelief = itsFence
#endif
}

inline take(server, owner, itsFence) {
  holder[server] = owner;
  ended[server] = false;
#ifndef LIVELOCK
  fenceOf[server] = itsFence;
  if
  :: itsFence > highest -> highest = itsFence
  :: else
  fi
#endif
}

#ifndef BUG_ADOPTS_HELD
#define isHeld(server, owner) (holder[server] != NOBODY && holder[server] != owner && !ended[server])
#else
#define isHeld(server, owner) false
#endif

#if !defined(BUG_ADOPTS_ANY_FENCE) && !defined(LIVELOCK)
#define isBehind(server, owner, itsFence) (fenceOf[server] > itsFence || (fenceOf[server] == itsFence && holder[server] != owner))
#else
#define isBehind(server, owner, itsFence) false
#endif

/* Who of two is to give way. */
#ifndef BUG_BOTH_GIVE_WAY
#define outranked (me > 0)
#else
#define outranked true
#endif

/* The script `adopt`. */
inline adopt(server, owner, itsFence) {
  if
  :: isHeld(server, owner)
  :: !isHeld(server, owner) && isBehind(server, owner, itsFence)
  :: else -> take(server, owner, itsFence)
  fi
}

#ifdef LIVELOCK
#define mayTurn(server) (place == SERVERS || place == server)
#else
#define mayTurn(server) true
#endif

proctype Client(byte me) {
  byte attempt = 0;
  byte mine = NOBODY;
  byte proposed = 0;
  byte at = 0;
  byte votes = 0;
  byte known = 0; /* the highest fence of a server that is ahead */
  byte raises = 0;
  byte other = 0;
  bool refused = false;
  byte place = SERVERS; /* where it waits for whom it gave way to; anywhere otherwise */

next:
  atomic {
    votes = 0; known = 0; raises = 0; refused = false; proposed = 0; at = 0;
    if
#ifndef LIVELOCK
    :: attempt < ATTEMPTS -> mine = ownerOf(me, attempt); attempt++
    :: else -> goto done
#else
    :: true -> mine = ownerOf(me, 0)
#endif
    fi
  };

turn:
  /* In line of some server, until that grants. */
  if
  :: atomic { mayTurn(0) && !isHeld(0, mine) -> at = 0; take(0, mine, fenceOf[0] + 1); proposed = fenceOf[0]; votes = 1; at = 0 }
  :: atomic { mayTurn(1) && !isHeld(1, mine) -> at = 0; take(1, mine, fenceOf[1] + 1); proposed = fenceOf[1]; votes = 1; at = 0 }
#if SERVERS > 2
  :: atomic { mayTurn(2) && !isHeld(2, mine) -> at = 0; take(2, mine, fenceOf[2] + 1); proposed = fenceOf[2]; votes = 1; at = 0 }
#endif
  fi;

ballot:
  do
  :: votes >= QUORUM -> break
  :: atomic {
      votes < QUORUM && at < SERVERS && holder[at] == mine && fenceOf[at] == proposed && !ended[at] -> at++
    }
  :: atomic {
      votes < QUORUM && at < SERVERS && !(holder[at] == mine && fenceOf[at] == proposed && !ended[at]) ->
      if
      :: isHeld(at, mine) ->
#ifdef LIVELOCK
        place = at;
#endif
        refused = true
      :: !isHeld(at, mine) && isBehind(at, mine, proposed) ->
        if
        :: fenceOf[at] > known -> known = fenceOf[at]
        :: else
        fi
      :: else -> take(at, mine, proposed); votes++
      fi;
      at++
    }
  :: /* The vote is given, and its answer lost; or it is given later, when nobody waits for it any more. */
    atomic {
      mayFail && votes < QUORUM && at < SERVERS ->
      faults++;
      adopt(at, mine, proposed);
      at++
    }
  :: atomic {
      mayFail && votes < QUORUM && at < SERVERS && strayOwner[at] == NOBODY ->
      faults++;
      strayOwner[at] = mine;
      strayFence[at] = proposed;
      at++
    }
  :: votes < QUORUM && at == SERVERS -> break
  od;

  if
  :: atomic {
#ifndef BUG_LATE_BELIEF
      votes >= QUORUM && !over[mine] ->
#else
      votes >= QUORUM ->
#endif
      believe(me, proposed);
      believing[me] = mine
    };
    goto holding
  :: atomic {
      votes < QUORUM && known > 0 && raises < RAISES && !over[mine] ->
      /* All once more: a majority has to have one and the same fence. */
      raises++;
      proposed = known + 1;
      known = 0;
      refused = false;
#ifndef BUG_MIXED_FENCES
      votes = 0;
#endif
      at = 0
    };
    goto ballot
#ifdef LIVELOCK
  :: /* Of two in each other's way one gives way: the outranked. The other asks again. */
    atomic { votes < QUORUM && refused && !outranked -> at = 0; refused = false; place = SERVERS };
    goto ballot
  :: votes < QUORUM && refused && outranked -> refused = false; goto leave
#else
  :: votes < QUORUM && (known == 0 || raises == RAISES) -> goto leave
#endif
  :: over[mine] -> goto leave
  fi;

holding:
progress:
  atomic { belief[me] = 0; at = 0; place = SERVERS };

leave:
  at = 0;
  do
  :: atomic {
      at < SERVERS ->
      if
      :: holder[at] == mine -> holder[at] = NOBODY
      :: else
      fi;
      at++
    }
  :: /* A server that is not reached keeps it until its TTL. */
    atomic { mayFail && at < SERVERS -> faults++; at++ }
  :: at == SERVERS -> break
  od;
  goto next;

done:
  skip
}

#if !defined(LIVELOCK) && !defined(TIMELESS)
/* Deadlines, TTLs, servers that lose their data, and answers that come late. */
proctype World(byte server) {
end_world:
  do
  :: atomic { holder[server] != NOBODY && !over[holder[server]] -> over[holder[server]] = true;
      if
      :: believing[clientOf(holder[server])] == holder[server] -> belief[clientOf(holder[server])] = 0
      :: else
      fi
    }
#ifndef BUG_EARLY_END
  :: atomic { holder[server] != NOBODY && over[holder[server]] && !ended[server] -> ended[server] = true }
#else
  :: atomic { holder[server] != NOBODY && !ended[server] -> ended[server] = true }
#endif
  :: /* It comes back no sooner than after the longest TTL. */
    atomic {
#ifndef BUG_FORGETS_AT_ONCE
      mayFail && (holder[server] == NOBODY || over[holder[server]]) && fenceOf[server] > 0 ->
#else
      mayFail && fenceOf[server] > 0 ->
#endif
      faults++;
      holder[server] = NOBODY;
      ended[server] = false;
#ifndef BUG_FENCE_RESTARTS
      fenceOf[server] = highest
#else
      fenceOf[server] = 0
#endif
    }
  :: atomic {
      strayOwner[server] != NOBODY -> adopt(server, strayOwner[server], strayFence[server]);
      strayOwner[server] = NOBODY;
      strayFence[server] = 0
    }
  od
}
#endif

init {
  byte each = 0;
  atomic {
    do
    :: each < CLIENTS -> run Client(each); each++
    :: else -> break
    od;
#if !defined(LIVELOCK) && !defined(TIMELESS)
    each = 0;
    do
    :: each < SERVERS -> run World(each); each++
    :: else -> break
    od
#endif
  }
}
