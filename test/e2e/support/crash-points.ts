/** Where a storage node may be killed: before or after each step that it takes to the disk, or to the chain. */
export const CRASH_POINTS = [
  'before event batch',
  'after event batch',
  'before lock',
  'after lock',
  'before pack written',
  'after pack written',
  'after pack renamed',
  'before index batch',
  'after index batch',
  'before shard record',
  'after shard record',
  'before report sent',
  'after report sent',
  'before report confirmed',
] as const

export type CrashPoint = (typeof CRASH_POINTS)[number]
