/** What has come of a blob, in memory or wherever the browser keeps large ones. */
export interface Reading {
  readonly id: number
  readonly blobId: string
  size: number | undefined
  readonly received: number
  isOver: boolean
  add(bytes: Uint8Array): void
  /** All of it under a URL of this page's. */
  url(type: string): string
  /** Lets go of it. */
  forget(): void
}

/** Pieces are put together in blocks of this size: the browser may keep those on disk. */
const BLOCK_BYTES = 16 * 1024 * 1024

export function createReading(id: number, blobId: string): Reading {
  let blocks: Blob[] = []
  let pieces: Uint8Array<ArrayBuffer>[] = []
  let pieceBytes = 0
  let received = 0
  let made: string | undefined
  const seal = (): void => {
    blocks.push(new Blob(pieces))
    pieces = []
    pieceBytes = 0
  }
  const revoke = (): void => {
    if (made !== undefined) URL.revokeObjectURL(made)
  }
  return {
    id,
    blobId,
    size: undefined,
    isOver: false,
    get received() {
      return received
    },
    add(bytes) {
      pieces.push(bytes as Uint8Array<ArrayBuffer>)
      pieceBytes += bytes.length
      received += bytes.length
      if (pieceBytes >= BLOCK_BYTES) seal()
    },
    url(type) {
      seal()
      revoke()
      // to be saved, not shown here: it would have the page's origin
      made = URL.createObjectURL(new Blob(blocks, { type: type === 'text/html' ? '' : type }))
      return made
    },
    forget() {
      revoke()
      blocks = []
      pieces = []
    },
  }
}
