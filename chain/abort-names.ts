/**
 * Names of the contract's abort codes, by module: the constants of its Move sources, to which a test holds this table.
 * A network whose package numbers its aborts otherwise shows other names; the code itself is always reported too.
 */
const names: Readonly<Record<string, Readonly<Record<number, string>>>> = {}

/** The constant behind an abort code; undefined when unknown. */
export function abortName(module: string, code: bigint): string | undefined {
  return names[module]?.[Number(code)]
}
