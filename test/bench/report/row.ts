/** One case of a bench and what it took. Units stand in the names of figures; the name of a rate ends in `PerSecond`. */
export interface Row {
  of: Readonly<Record<string, string | number>>
  took: Readonly<Record<string, number>>
}

/** Prints rows under the names of their columns, which are said again where they change. */
export function rowPrinter(print: (line: string) => void): (row: Row) => void {
  let said = ''
  return ({ of, took }) => {
    const columns = [...Object.keys(of), ...Object.keys(took)]
    const widths = columns.map(name => (name === 'case' ? 44 : Math.max(name.length, 9) + 2))
    const line = (cells: readonly string[]) =>
      cells
        .map((cell, i) => (columns[i] === 'case' ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
        .join('')
    if (columns.join() !== said) print(line(columns))
    said = columns.join()
    print(line([...Object.values(of).map(String), ...Object.values(took).map(shown)]))
  }
}

/** A figure in as many digits as mean something. */
export function shown(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 1000) return value.toFixed(0)
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2)
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}
