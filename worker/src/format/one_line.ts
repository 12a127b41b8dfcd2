// Text of others in the log, such as what a customer's code throws.

/** The characters that end a line, or that a terminal acts on. */
const unsafe = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

const short: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** In characters: that of a message or a value, and that of its stack. */
const longestText = 1_000;
const longestStack = 2_000;

/** The number of causes that are shown. */
const mostCauses = 3;

/** A text on one line, so that it cannot look like another record of the log. */
export function oneLine(text: string, longest = longestText): string {
  const shown = text.length > longest ? `${text.slice(0, longest)}…` : text;
  return shown
    .toWellFormed()
    .replace(unsafe, (char) => short[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** A thrown value on one line, with its stack and its causes. It never throws, whatever the value is. */
export function describeThrown(thrown: unknown): string {
  const parts: string[] = [];
  try {
    let error = thrown;
    for (let depth = 0; depth <= mostCauses; depth++) {
      parts.push(describe(error));
      if (!(error instanceof Error) || error.cause === undefined) break;
      error = error.cause;
    }
  } catch {
    parts.push("a value that cannot be shown");
  }
  return parts.join(", caused by ");
}

function describe(thrown: unknown): string {
  if (!(thrown instanceof Error)) return oneLine(String(thrown));
  const summary = `${thrown.name}: ${thrown.message}`;
  const { stack = "" } = thrown;
  // Usually the stack begins with the name and the message.
  const frames = stack.startsWith(summary) ? stack.slice(summary.length) : stack && `\n${stack}`;
  return oneLine(summary) + oneLine(frames, longestStack);
}
