import type { Certificate } from '../../codec/types.ts'
import type { StoreResult } from '../client/types.ts'

/** In place of all that encodes, pays and sends: a reader does not. */
export async function upload(): Promise<StoreResult> {
  throw new Error('this page only reads')
}

/** The same of what others have registered. */
export async function sendRegistered(): Promise<Certificate> {
  throw new Error('this page only reads')
}
