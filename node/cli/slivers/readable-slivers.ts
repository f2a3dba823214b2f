import type { SliverFiles, SliverRef } from '../../../codec/index.ts'

/** What says that one file, or its place on the disk, is bad; others, as too many open files, are about all of them. */
const UNREADABLE: ReadonlySet<unknown> = new Set([
  'EACCES',
  'EIO',
  'EISDIR',
  'ELOOP',
  'ENOENT',
  'EPERM',
  'ESTALE',
])

/** A sliver's file that cannot be read, where others may do. */
export class UnreadableSliver extends Error {
  readonly ref: SliverRef
  /** of node's file error, its cause */
  readonly code: string

  constructor(ref: SliverRef, code: string, cause: unknown) {
    super(`${ref.axis} sliver ${ref.pair} cannot be read: ${code}`, { cause })
    this.ref = ref
    this.code = code
  }
}

/** The same slivers; reading throws UnreadableSliver when it is that sliver's file alone. */
export function namingUnreadable(slivers: Pick<SliverFiles, 'read'>): Pick<SliverFiles, 'read'> {
  return {
    async read(ref, offset, target) {
      try {
        await slivers.read(ref, offset, target)
      } catch (cause) {
        const { code } = cause as NodeJS.ErrnoException
        if (code === undefined || !UNREADABLE.has(code)) throw cause
        throw new UnreadableSliver(ref, code, cause)
      }
    },
  }
}
