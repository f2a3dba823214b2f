/**
 * Text that a stranger wrote - names on chain, a peer's words, attributes, file names, what files hold - must neither forge a line
 * nor steer the terminal that it is shown on. What would act is shown as what it is.
 */

/** C0 without the line feed, delete, C1; line ends of Unicode; marks and overrides that turn the direction of writing. */
const ACTING =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\0-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g

/** The text on one line. */
export function visible(text: unknown): string {
  return visibleLines(String(text)).replaceAll('\n', '\\n')
}

/** The same for text of several lines, as a stack is. */
export function visibleLines(text: string): string {
  return text.replace(ACTING, char => {
    const code = char.charCodeAt(0)
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`
  })
}

/** JSON of the same value: its own escapes leave delete, C1 and the marks as they are. */
export function visibleJson(json: string): string {
  return json.replace(ACTING, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Whether bytes would act on a terminal rather than be shown: anything but text with tabs and line ends. */
export function actsOnTerminal(bytes: Uint8Array): boolean {
  const HARMLESS = [0x09, 0x0a, 0x0d]
  return bytes.some((byte, i) => {
    if (byte < 0x20) return !HARMLESS.includes(byte)
    // C1 in UTF-8 is C2 80 to C2 9F
    return byte === 0x7f || (byte === 0xc2 && (bytes[i + 1] ?? 0xff) < 0xa0)
  })
}
