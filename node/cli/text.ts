import { visible } from '../../base/visible.ts'

export { formatSui, formatWal } from '../../chain/amounts.ts'

/**
 * Text for people whose lines are the program's own: what was filled in - a file's name, a stranger's words - stays on its
 * line and steers nothing. Only `safe` and `lines` make it, and outputs take nothing else.
 */
export class SafeText {
  readonly #text: string

  private constructor(text: string) {
    this.#text = text
  }

  static of(text: string): SafeText {
    return new SafeText(text)
  }

  toString(): string {
    return this.#text
  }
}

/** Fills a text in: strings are made harmless, what is `SafeText` already stays as it is. */
export function safe(
  texts: TemplateStringsArray,
  ...values: readonly (SafeText | string | number)[]
): SafeText {
  const filled = values.map(value => (value instanceof SafeText ? value.toString() : visible(value)))
  return SafeText.of(texts.reduce((all, text, i) => all + filled[i - 1] + text))
}

/** One below the other. */
export function lines(all: readonly SafeText[]): SafeText {
  return SafeText.of(all.join('\n'))
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** `1 byte`, `999 bytes`, `1.5 KiB`. */
export function formatBytes(bytes: number | bigint): string {
  let value = Number(bytes)
  if (value === 1) return '1 byte'
  let unit = 0
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  // 1023.96 KiB would be shown as 1024 KiB
  if (unit > 0 && unit < UNITS.length - 1 && Number(value.toFixed(1)) >= 1024) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? value : Number(value.toFixed(1))} ${UNITS[unit]}`
}

/** `850 ms`, `4.2 s`, `3 min`, `2 h`, `14 days`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${Number((ms / 1000).toFixed(1))} s`
  if (ms < 3_600_000) return `${Number((ms / 60_000).toFixed(1))} min`
  if (ms < 86_400_000) return `${Number((ms / 3_600_000).toFixed(1))} h`
  const days = Number((ms / 86_400_000).toFixed(1))
  return days === 1 ? '1 day' : `${days} days`
}

/** Two columns, the first padded, indented. Whatever a cell holds, it stays on its line. */
export function formatRows(rows: readonly (readonly [string, string | number])[]): SafeText {
  const width = Math.max(...rows.map(([label]) => visible(label).length))
  return lines(rows.map(([label, value]) => safe`  ${visible(label).padEnd(width)}  ${value}`))
}

/** Columns under headings; the last one is not padded. Whatever a cell holds, it stays on its line. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): SafeText {
  const cells = [head, ...rows].map(row => row.map(visible))
  const widths = head.map((_, i) => Math.max(...cells.map(row => row[i]!.length)))
  const padded = (row: readonly string[]) =>
    row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i]!))).join('  ')
  return lines(cells.map(row => safe`  ${padded(row)}`))
}

/** `1 node`, `13 nodes`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** A path as a shell takes it for one word. */
export function shellWord(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
