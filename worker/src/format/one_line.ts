// Formats foreign text for the log, such as an error that a customer's code throws.

/** Characters that end a line or control a terminal. */
const unsafe = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

const escapes: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** The maximum length of a message or a value, in characters. */
const maxTextLength = 1_000;
/** The maximum length of a stack, in characters. */
const maxStackLength = 2_000;

/** The maximum number of causes that are shown. */
const maxCauses = 3;

/** Formats a text as one line, so that it cannot imitate another record of the log. */
export function oneLine(text: string, maxLength = maxTextLength): string {
  const shortened = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
  return shortened
    .toWellFormed()
    .replace(unsafe, (char) => escapes[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Formats a thrown value as one line, with its stack and its causes. It accepts any value and never throws. */
export function describeThrown(thrown: unknown): string {
  const parts: string[] = [];
  try {
    let error = thrown;
    for (let depth = 0; depth <= maxCauses; depth++) {
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
  return oneLine(summary) + oneLine(frames, maxStackLength);
}
