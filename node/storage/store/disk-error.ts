/** The disk is full, or the process has no file descriptor left; both pass. As the system's own errors, by their `code`. */
export class DiskError extends Error {
  override readonly name = 'DiskError'
  readonly code: 'ENOSPC' | 'EMFILE'

  constructor(code: DiskError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

const CODES: Readonly<Record<string, DiskError['code']>> = {
  ENOSPC: 'ENOSPC',
  EDQUOT: 'ENOSPC',
  EMFILE: 'EMFILE',
  ENFILE: 'EMFILE',
}
/** Level says it in the system's words only. */
const WORDS: readonly [RegExp, DiskError['code']][] = [
  [/No space left on device|Disk quota exceeded/i, 'ENOSPC'],
  [/Too many open files/i, 'EMFILE'],
]
const MAX_CAUSES = 8

/** Which of the two an error is about, or one of its causes. */
export function diskTrouble(error: unknown): DiskError['code'] | undefined {
  let at = error
  for (let i = 0; i < MAX_CAUSES && at instanceof Error; i++) {
    const code = 'code' in at && typeof at.code === 'string' ? CODES[at.code] : undefined
    const { message } = at
    const said = code ?? WORDS.find(([words]) => words.test(message))?.[1]
    if (said !== undefined) return said
    at = at.cause
  }
  return undefined
}

/** The same error, or one that says by its code what this one only says in words. */
export function withDiskCode(error: unknown): unknown {
  const code = diskTrouble(error)
  if (code === undefined || error instanceof DiskError) return error
  const what = code === 'ENOSPC' ? 'the disk is full' : 'no file descriptor is left'
  return new DiskError(code, what, { cause: error })
}
