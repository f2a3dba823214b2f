import type { SliverRef } from '../../codec/types.ts'
import type { StoreSession } from '../../protocols/ports.ts'

/** Gives a session one sliver, as a transport does. */
export async function deliver(
  session: Pick<StoreSession, 'receive'>,
  ref: SliverRef,
  bytes: Uint8Array,
): Promise<void> {
  const arriving = await session.receive(ref)
  try {
    await arriving.write(bytes)
    await arriving.accept()
  } finally {
    await arriving.close()
  }
}
