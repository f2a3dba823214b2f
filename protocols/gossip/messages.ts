import type { Certificate } from '../../codec/types.ts'
import { WireCertificate } from '../status/messages.ts'
import { type Message, message } from '../wire.ts'

/** A certificate of availability, as gossip carries it. */
export const CertifiedMessage: Message<Certificate> = message('CertifiedMessage', WireCertificate)
