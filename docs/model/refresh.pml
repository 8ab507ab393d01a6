/* How replicas refresh one connection: the lease, the fence, the attempt record
 * and the late answer; Revoke and a new consent beside them.
 *
 * A step is one `atomic`: one Store::Update, one read, or one request with what
 * the provider does about it. Between two steps a process may be passed over
 * for any time (the interleaving), stand still past its lease, or die and come
 * back under a new name.
 *
 * Tokens are numbers: a provider counts the pairs that it gives, so that the
 * higher of two is the newer.
 *
 * The script `check` gives, as macros: N (replicas); how often things happen
 * (FLIGHTS that callers start, STALLS, DEATHS, OUTAGES of the store, UNKNOWNS:
 * updates committed whose caller is told otherwise, WEATHER at the provider,
 * REVOKES, CONSENTS); and MUTANT. README.md says what P1..P7 mean.
 */

mtype = { NONE, NO_LEASE, NO_FENCE, NO_ATTEMPT, DROP_LATE, TAKE_OVER_AT_ONCE,
          NO_RECHECK, NO_RETRY, NO_WAIT, ANYONE_FAILS, REVIVE, FINISH_ANY,
          LAND_BY_DIGEST, FORGET_UNANSWERED, BEGIN_ANY, TELL_ANY, DROP_REVOKED,
          TOLD_BY_GENERATION,
          ONE_AWAY /* no mutant: only replica 0 misses the store */ };

mtype = { ACTIVE, REAUTH, REVOKING, REVOKED };        /* ConnectionState */
mtype = { GRACE, REJECT, KEEP };                      /* kinds of providers */
mtype = { IDLE, BEGIN, POLL, SEND, LAND, RETRY, LATE, /* where a flight is */
          WAIT_LANDED, TELL, FINISH };                /* ... and a revocation */
mtype = { TOKENS, REFUSED, SILENCE, THROTTLED };      /* answers */
mtype = { COMMIT, WAIT, LOST };                       /* Landing */

#define NOBODY N        /* as an owner: there is no lease */
#define DEAD   (N + 1)  /* as an owner: a name that no process has any more */
typedef Row {           /* store::Connection */
  mtype state = ACTIVE;
  byte generation = 1;
  byte pair = 1;        /* the tokens; 0: destroyed */
  byte number;          /* tokens[].attempt: that of those which brought them */
  byte begun;           /* attempts */
  byte owner = NOBODY;  /* lease.owner. A process has one flight at a time, so
                           that its name stands for lease.attempt_id, too */
  bool ended;           /* lease.expire_time has passed */
  byte attempt;         /* attempt.refresh_digest; 0: no record */
  bool again;           /* attempt.unknown_outcomes > 0 */
  byte dead;            /* dead_refresh_digest */
};
Row row;
typedef Provider {      /* last: the one pair that is not superseded;
                           base: the first one of this grant */
  mtype kind; byte last = 1; byte base = 1; bool alive = true
};
Provider prov;
typedef Flight {
  mtype at = IDLE;
  byte generation, pair, number;  /* AttemptRef: what it read and presents */
  mtype answer;
  byte got;             /* the pair that came */
  bool still;           /* stood still: its lease may have ended */
  bool holds;           /* it has a lease that has not ended */
};
Flight f[N];

bool away;              /* the store refuses */
bool settled = true;    /* Impl::Settled() */
bool calm;              /* nothing new begins and nothing fails any more */
byte flights = FLIGHTS, stalls = STALLS, deaths = DEATHS, outages = OUTAGES;
byte unknowns = UNKNOWNS, weather = WEATHER, revokes = REVOKES,
     consents = CONSENTS;

/* What only the properties look at. */
short barred;           /* pairs whose answer came and was or could be stored */
byte owed;              /* presented, and nobody knows with what outcome */
bool lost;              /* the newest pair died with a process or on its way */
bool asked;             /* Revoke was called since the last consent */
bool told;              /* the provider said that the grant is revoked */
byte z;                 /* a loop's variable */

#define BIT(p)     (1 << (p))
/* Where a provider does not rotate, all pairs of a grant have one secret. */
#define SECRET(p)  ((prov.kind == KEEP && (p) >= prov.base) -> prov.base : (p))
#define SAME(p, q) (SECRET(p) == SECRET(q))
#define AWAY(i)    (away && (MUTANT != ONE_AWAY || (i) == 0))

/* --- rules.cc --- */
#define MOVED(i)  (row.state != ACTIVE || row.generation != f[i].generation)
#define TAKE_OVER(i) (settled || MUTANT == TAKE_OVER_AT_ONCE || \
                      (MUTANT == ONE_AWAY && i != 0))
#define LEASED(i) (MUTANT != NO_LEASE && row.owner != NOBODY && \
                   row.owner != i && (!row.ended || !TAKE_OVER(i)))

inline Begin(i) {       /* where it says kBegun */
  row.owner = i; row.ended = false;
  row.again = (row.attempt == f[i].pair);
  row.attempt = (MUTANT == NO_ATTEMPT -> 0 : f[i].pair);
  row.begun++; f[i].number = row.begun
}

#define OWNS(i)   (MUTANT == NO_FENCE || row.owner == i)
/* The row holds what an earlier attempt has brought: of two answers to a grant,
   the later attempt's is the newer. */
#define NEEDED(i) (row.pair != 0 && MUTANT != DROP_LATE && \
    (MUTANT == LAND_BY_DIGEST -> SAME(row.pair, f[i].pair) : \
                                 row.number < f[i].number))
#define OTHERS    (MUTANT != NO_WAIT && row.owner != NOBODY && !row.ended)
#define LANDING(i) (OWNS(i) -> COMMIT : (!NEEDED(i) -> LOST : \
                   (OTHERS -> WAIT : COMMIT)))

inline EndAttempt() {
  row.owner = NOBODY; row.ended = false; row.attempt = 0; row.again = false
}
inline CommitRefresh(i) {
  printf("replica %d writes pair %d over %d\n", i, f[i].got, row.pair);
  assert(f[i].got > row.pair);                                      /* P2 */
  row.pair = f[i].got; row.number = f[i].number;
  row.dead = 0; EndAttempt(); f[i].holds = false;
  if
  :: row.state == REVOKING && MUTANT != REVIVE
  :: else -> assert(!asked);                                        /* P5 */
     row.state = ACTIVE; row.generation++
  fi
}

inline RecordFailure(i, unknown) {
  printf("replica %d records a failure, outcome unknown: %d\n", i, unknown);
  row.owner = NOBODY; row.ended = false;
  if :: unknown || (MUTANT != FORGET_UNANSWERED && row.again)
     :: else -> row.attempt = 0; row.again = false fi
}

inline RecordDeadGrant(i) {
  printf("replica %d records that pair %d was refused\n", i, f[i].pair);
  assert(SAME(row.pair, f[i].pair));                                /* P4 */
  row.dead = f[i].pair; barred = barred | BIT(f[i].pair); EndAttempt();
  row.state = (row.state == ACTIVE -> REAUTH : row.state)
}

/* --- the provider --- */
/* What becomes of POST /token with the pair that the flight has read. */
inline Answer(i) {
  if
  :: !prov.alive || f[i].pair < prov.base -> f[i].answer = REFUSED
  :: else ->
     if  /* a grace may have ended */
     :: SAME(f[i].pair, prov.last) || prov.kind == GRACE -> prov.last++;
        f[i].answer = TOKENS; f[i].got = prov.last; lost = false
     :: !SAME(f[i].pair, prov.last) -> f[i].answer = REFUSED;
        if :: prov.kind == REJECT -> prov.alive = false :: else fi
     fi
  fi
}

inline Send(i) {
  assert(prov.kind == KEEP || !(barred & BIT(f[i].pair)));          /* P3 */
  if
  :: Answer(i); owed = (f[i].pair == owed -> 0 : owed);
     barred = barred | (f[i].answer == TOKENS -> BIT(f[i].pair) : 0)
  :: weather > 0 ->     /* it acts, and the answer is lost */
     weather--; Answer(i);
     lost = lost || f[i].answer == TOKENS;
     f[i].answer = SILENCE; f[i].got = 0; owed = f[i].pair
  :: weather > 0 ->     /* it does not act, which nobody can know */
     weather--; f[i].answer = SILENCE; owed = f[i].pair
  :: weather > 0 -> weather--; f[i].answer = THROTTLED
  fi;
  printf("replica %d presents %d: %e %d\n", i, f[i].pair, f[i].answer, f[i].got)
}

/* POST /revoke with a pair; of one that it no longer knows, a provider says the
   same (RFC 7009, section 2.2). */
inline RevokeAt(pair) {
  if
  :: pair < prov.base || !prov.alive -> told = true
  :: else ->
     if
     :: assert(asked); prov.alive = false; told = true              /* P5 */
     :: !SAME(pair, prov.last) -> told = true
     :: weather > 0 -> weather--; told = false
     fi
  fi;
  printf("pair %d is revoked; the grant still lives: %d\n", pair, prov.alive)
}

/* --- a replica: refresh.cc, refresh_outcome.cc --- */
inline EndFlight(i) {
  f[i].at = IDLE; f[i].generation = 0; f[i].pair = 0; f[i].number = 0;
  f[i].answer = 0; f[i].got = 0; f[i].still = false; f[i].holds = false
}

/* CommitAnswer, where the row has no need of the pair. */
inline Drop(i) {
  printf("replica %d throws pair %d away\n", i, f[i].got);
  if  /* RevokeLate: nobody else is able to revoke it */
  :: row.state == REVOKED && MUTANT != DROP_REVOKED ->
     z = told; RevokeAt(f[i].got); told = told && z; z = 0
  :: else -> assert(f[i].got != prov.last || !prov.alive ||
                    row.pair == prov.last || row.state == REVOKED)  /* P4 */
  fi;
  EndFlight(i)
}

#define AT_IT(i) (f[i].at == SEND || f[i].at == LAND || f[i].at == RETRY)
/* From here on others cannot wait for what this process has. */
inline Excuse(i) {
  barred = barred & ~(f[i].answer == TOKENS -> BIT(f[i].pair) : 0)
}

#define LEFT_OVER (row.attempt != 0 && (row.owner == NOBODY || row.ended))

proctype Replica(byte i) {
  byte n;
end:
  do
  /* Fly reads the row; for a caller, or for HandleDue. */
  :: atomic { f[i].at == IDLE && !AWAY(i) && row.state == ACTIVE &&
              (flights > 0 || LEFT_OVER) ->
       if :: flights > 0 -> flights-- :: LEFT_OVER fi;
       assert(row.dead == 0);                                       /* P4 */
       f[i].generation = row.generation; f[i].pair = row.pair;
       f[i].at = BEGIN }
  /* Attempt: the Update with Begin. Of a row that has moved the flight reads
     what it was to fetch, and ends. */
  :: atomic { f[i].at == BEGIN ->
       if
       :: AWAY(i) || MOVED(i) -> EndFlight(i)
       :: else ->
          if
          :: LEASED(i) -> f[i].at = POLL
          :: !LEASED(i) -> Begin(i); f[i].at = SEND; f[i].holds = true;
             printf("replica %d begins with pair %d\n", i, f[i].pair);
             for (z : 0 .. N - 1) { n = n + (f[z].holds -> 1 : 0) }
             assert(n <= 1); n = 0; z = 0                           /* P1 */
          :: !LEASED(i) && unknowns > 0 ->
             unknowns--; Begin(i); EndFlight(i)
          fi
       fi }
  :: atomic { f[i].at == POLL && !AWAY(i) && (MOVED(i) || !LEASED(i)) ->
       f[i].at = BEGIN }
  /* Attempt: looks whether its own lease may have ended; sends. */
  :: atomic { f[i].at == SEND ->
       if :: f[i].still && MUTANT != NO_RECHECK ->
             f[i].still = false; f[i].holds = false; f[i].at = BEGIN
          :: else -> Send(i); f[i].at = LAND fi }
  /* CommitAnswer: its first Update, CommitForSure, CommitLate. */
  :: atomic { f[i].at == LAND && f[i].answer == TOKENS && AWAY(i) ->
       f[i].at = RETRY;
       if :: MUTANT == NO_RETRY -> Drop(i) :: else fi }
  :: atomic { f[i].answer == TOKENS && !AWAY(i) &&
              (f[i].at != LATE || LANDING(i) != WAIT) ->
       if
       :: LANDING(i) == COMMIT -> CommitRefresh(i); EndFlight(i)
       :: LANDING(i) == COMMIT && unknowns > 0 ->
          unknowns--; CommitRefresh(i); f[i].at = RETRY
       :: LANDING(i) == WAIT -> f[i].at = LATE
       :: LANDING(i) == LOST -> Drop(i)
       fi }
  /* Fail: writes if the attempt is its own; does not try twice. */
  :: atomic { f[i].at == LAND && f[i].answer != TOKENS ->
       if
       :: AWAY(i) || (!OWNS(i) && MUTANT != ANYONE_FAILS)
       :: else ->
          if :: f[i].answer == REFUSED -> RecordDeadGrant(i)
             :: else -> RecordFailure(i, (f[i].answer == SILENCE)) fi
       fi; EndFlight(i) }
  :: atomic { stalls > 0 && AT_IT(i) && !f[i].still ->
       printf("replica %d stands still\n", i);
       stalls--; f[i].still = true; Excuse(i) }
  :: atomic { deaths > 0 && (f[i].at != IDLE || row.owner == i) ->
       printf("replica %d dies\n", i);
       deaths--; Excuse(i);
       if :: f[i].answer == TOKENS && row.pair != f[i].got ->
             lost = lost || f[i].got == prov.last; owed = f[i].pair
          :: else fi;
       row.owner = (row.owner == i -> DEAD : row.owner); EndFlight(i) }
  od
}

inline NoLeases() {
  for (z : 0 .. N - 1) { f[z].holds = false } z = 0
}

/* --- Revoke, on replica 0: revoke.cc; HandleDue, for one left over --- */
#define LANDED (away || f[0].still || f[0].at == IDLE || f[0].at == RETRY || \
                f[0].at == LATE || f[0].at == POLL)

proctype Revoker() {
  mtype at = IDLE; bool call; byte generation, pair;
end:
  do
  :: atomic { at == IDLE && revokes > 0 -> revokes--; call = true; at = BEGIN }
  :: atomic { at == IDLE && !away && row.state == REVOKING -> at = BEGIN }
  /* RevokeOnce: the Update with BeginRevocation. */
  :: atomic { at == BEGIN ->
       at = IDLE;
       if :: away || row.state == REVOKED
       :: else ->
          if  /* HandleDue begins none */
          :: !call && row.state != REVOKING && MUTANT != BEGIN_ANY
          :: else ->
             printf("a revocation begins, for a call: %d\n", call);
             asked = asked || call;
             assert(asked);                                         /* P5 */
             row.generation = row.generation + (row.state != REVOKING);
             row.state = REVOKING;
             generation = row.generation; pair = row.pair;
             at = (f[0].at == IDLE -> TELL : WAIT_LANDED)
          fi
       fi;
       call = false }
  /* A refresh under way here may bring a newer pair: waits, reads again. */
  :: atomic { at == WAIT_LANDED && LANDED ->
       at = TELL;
       if :: away
       :: else -> generation = row.generation; pair = row.pair;
          /* a new consent is not to be revoked */
          if :: row.state != REVOKING && MUTANT != TELL_ANY -> at = IDLE
             :: else fi
       fi }
  :: atomic { at == TELL -> RevokeAt(pair); at = FINISH }
  :: atomic { at == FINISH ->
       if  /* FinishRevocation */
       :: !away && (MUTANT == FINISH_ANY ||
                    (row.state == REVOKING && row.generation == generation &&
                     (row.pair == pair || MUTANT == TOLD_BY_GENERATION))) ->
          printf("the row is revoked\n");
          assert(asked);                                            /* P5 */
          row.state = REVOKED; row.pair = 0; EndAttempt(); NoLeases()
       :: else
       fi;
       at = IDLE; generation = 0; pair = 0 }
  :: atomic { deaths > 0 && at != IDLE ->
       deaths--; at = IDLE; call = false; generation = 0; pair = 0 }
  od
}

/* --- what nobody decides --- */
inline Connect() {      /* a new grant */
  printf("a person consents\n");
  prov.last++; prov.base = prov.last; prov.alive = true;
  row.pair = prov.last; row.state = ACTIVE; row.generation++; row.dead = 0;
  row.begun++; row.number = row.begun;
  EndAttempt(); NoLeases();
  asked = false; told = false; lost = false; owed = 0
}

/* A lease outlives its request and some tries to write: that of a flight ends
   only if its process stood still, or while the store is away. */
#define MAY_END(i) (!AT_IT(i) || f[i].still || \
                    (f[i].at == RETRY && (away || !settled)))
/* CommitForSure tries more often than BrokerOptions.settle is long. */
#define MAY_SETTLE(i) (f[i].at != RETRY || f[i].still)

proctype World() {
end:
  do
  :: atomic { !away && outages > 0 -> printf("the store is away\n");
       outages--; away = true; settled = false }
  :: atomic { away -> printf("the store is back\n"); away = false }
  :: atomic { !away && !settled && MAY_SETTLE(0) && MAY_SETTLE(1) &&
              MAY_SETTLE(N - 1) -> settled = true }
  :: atomic { row.owner != NOBODY && !row.ended &&
              (row.owner == DEAD || MAY_END(row.owner % N)) ->
       row.ended = true; printf("the lease of %d ends\n", row.owner);
       if :: row.owner < N -> f[row.owner].holds = false :: else fi }
  :: atomic { consents > 0 && !away -> consents--; Connect() }
  :: atomic { !calm -> calm = true; flights = 0; stalls = 0; deaths = 0;
       outages = 0; unknowns = 0; weather = 0; revokes = 0; consents = 0 }
  od
}

#define QUIET (f[0].at == IDLE && f[1].at == IDLE && f[N - 1].at == IDLE && \
               row.state != REVOKING && row.attempt == 0 && !away)

proctype Finally() {    /* when nothing more happens */
  atomic { timeout ->
    printf("in the end: %e, pair %d of %d\n", row.state, row.pair, prov.last);
    assert(QUIET);                                                  /* P6 */
    if
    :: row.state == REVOKED ->
       assert(!(told && prov.alive && !lost))                       /* P7 */
    :: else ->
       assert(!prov.alive || lost ||
              (row.state == ACTIVE && SAME(row.pair, prov.last)));  /* P4 */
       assert(row.state == REAUTH || row.pair != owed)              /* P4 */
    fi }
}

init {
  atomic {
    if :: prov.kind = GRACE :: prov.kind = REJECT :: prov.kind = KEEP fi;
    for (z : 0 .. N - 1) { run Replica(z) }
    z = 0; run Revoker(); run World(); run Finally()
  }
}

#ifdef LIVE
ltl live { [] (calm -> <> QUIET) }                                  /* P6 */
#endif
