import { BSON } from "mongodb";

const NAMES = ["شركة النور للتجارة", "مؤسسة الخليج", "Al Noor Trading", "Gulf Supplies", "مكتب الأفق"];
const ITEMS = ["ورق طباعة", "printer toner", "شاشة", "desk chair", "كابل", "network switch", "قرطاسية"];
const LINES = 5;
/** From Numerical Recipes: a full-period generator of 32 bits. */
const MULTIPLIER = 1_664_525;
const INCREMENT = 1_013_904_223;

/** `count` invoices of about 660 bytes each, one behind the other, as BSON. The same numbers give the same bytes. */
export function makeInvoices(first: number, count: number): Buffer {
  return Buffer.concat(
    Array.from({ length: count }, (_, index) => BSON.serialize(makeInvoice(first + index))),
  );
}

function makeInvoice(number: number): BSON.Document {
  let state = (number * MULTIPLIER + INCREMENT) >>> 0;
  const random = (below: number) => {
    state = (Math.imul(state, MULTIPLIER) + INCREMENT) >>> 0;
    return (state >>> 8) % below;
  };
  return {
    _id: number,
    number: `INV-2026-${String(number).padStart(8, "0")}`,
    customer: {
      id: random(20_000),
      name: NAMES[random(NAMES.length)],
      city: "الرياض",
      vat: `3${random(1e9)}`,
    },
    at: new Date(1_760_000_000_000 + number * 1000),
    status: ["draft", "sent", "paid"][random(3)],
    lines: Array.from({ length: LINES }, () => ({
      item: ITEMS[random(ITEMS.length)],
      quantity: random(40),
      price: random(100_000) / 100,
    })),
    total: random(10_000_000) / 100,
    note: `تم التسليم — delivered ${random(1e6)} ${random(1e6)}`,
    reference: random(2 ** 31).toString(36) + random(2 ** 31).toString(36),
  };
}
