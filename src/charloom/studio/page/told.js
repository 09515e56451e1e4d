/**
 * From what a training tells, event by event, to what can be shown of it.
 * The events are described in `charloom/studio/events.py`.
 */

/** What is known of a training before it has told anything. */
export function nothingTold() {
  return {
    phase: "waiting", // then getting ready, learning, finishing, over
    training: [], // [seconds, bits per character]
    validation: [],
    checks: [],
    notes: [],
    sample: "",
    progress: null, // the latest event of that kind
    yardsticks: null, // those of the scores, where they are known before
    scores: null,
    spent: 0, // seconds
  };
}

/** Takes one event more. */
export function take(told, event) {
  if (event.kind === "begin") told.phase = "getting ready";
  if (event.kind === "note") {
    told.notes.push(event.text);
    if (told.phase === "learning" && /yardsticks/.test(event.text)) told.phase = "finishing";
  }
  if (event.kind === "start") {
    told.phase = "learning";
    takeBack(told, event.seconds);
  }
  if (event.kind === "yardsticks") told.yardsticks = event.scores;
  if (event.kind === "progress") {
    told.phase = "learning";
    told.progress = event;
    told.spent = event.seconds;
    if (event.training !== null) told.training.push([event.seconds, event.training]);
  }
  if (event.kind === "check") {
    told.checks.push(event);
    told.sample = event.sample;
    told.spent = Math.max(told.spent, event.seconds);
    if (event.validation !== null) told.validation.push([event.seconds, event.validation]);
  }
  if (event.kind === "finish") {
    told.scores = event.scores;
    told.phase = "over";
  }
  if (event.kind === "stopped" || event.kind === "error") told.phase = "over";
}

/** What a killed process told after its last checkpoint is told again by the next. */
function takeBack(told, seconds) {
  const before = ([at]) => at <= seconds;
  told.training = told.training.filter(before);
  told.validation = told.validation.filter(before);
  told.checks = told.checks.filter((check) => check.seconds <= seconds);
  told.spent = seconds;
  told.progress = null;
}

/** The yardsticks that are known: [name, bits per character]. */
export function yardsticks(scores) {
  if (!scores) return [];
  const known = [
    ["n-gram", scores.ngram_bits_per_character],
    ["xz", scores.xz_bits_per_character],
  ];
  return known.filter(([, value]) => typeof value === "number");
}

/** What a curve is drawn from. */
export function curveOf(told, minutes) {
  return {
    training: told.training,
    validation: told.validation,
    lines: yardsticks(told.scores ?? told.yardsticks),
    total: told.scores ? told.spent : 60 * minutes,
  };
}
