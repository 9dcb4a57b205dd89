use dism_emu::*;
fn main() {
    let what = std::env::args().nth(1).unwrap();
    let dism = Emulator::builder().journal_limit(0).build();
    let n: u64 = std::env::args().nth(2).map_or(50_000_000, |n| n.parse().unwrap());
    let t = std::time::Instant::now();
    match what.as_str() {
        "init" => {
            for _ in 0..n {
                dism.initialize().unwrap();
                dism.shutdown().unwrap();
            }
        }
        "op" => {
            dism.initialize().unwrap();
            let s = dism.open_session("D:\\x").unwrap();
            for _ in 0..n {
                dism.operation(s, Function::GetFeatures).unwrap().end();
            }
        }
        "open" => {
            dism.initialize().unwrap();
            for _ in 0..n {
                let s = dism.open_session(r"C:\mount\offline\install").unwrap();
                dism.close_session(s).unwrap();
            }
        }
        _ => {
            let m = parking_lot::Mutex::new(0u64);
            for _ in 0..n {
                *std::hint::black_box(&m).lock() += 1;
                *std::hint::black_box(&m).lock() += 1;
            }
        }
    }
    println!("{what} {:.1}", t.elapsed().as_nanos() as f64 / n as f64);
}
