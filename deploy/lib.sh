# Shared by deploy/run-demo and deploy/run-tests: language, packages, elapsed time.
# shellcheck shell=bash
LTH_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export LTH_ROOT

# Vietnamese unless --lang or the first locale variable that is set says English.
lth_language() {
    local lang=${LTH_LANG:-${LC_ALL:-${LC_MESSAGES:-${LANG:-}}}}
    [[ $lang == en* ]] && LTH_LANG=en || LTH_LANG=vi
    export LTH_LANG
}

# say VIETNAMESE ENGLISH
say() {
    if [[ $LTH_LANG == en ]]; then printf '%s\n' "$2"; else printf '%s\n' "$1"; fi
}

elapsed() {
    printf '%d:%02d' $((SECONDS / 60)) $((SECONDS % 60))
}

# packages_named LIST...: the names in deploy/packages/LIST.
packages_named() {
    local list
    for list in "$@"; do
        sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$LTH_ROOT/deploy/packages/$list"
    done
}

# packages_missing LIST...: those not installed.
packages_missing() {
    local name
    packages_named "$@" | while read -r name; do
        [[ $(dpkg-query -W -f='${db:Status-Abbrev}' "$name" 2>/dev/null) == ii* ]] || echo "$name"
    done
}

# install_packages LOG LIST...: installs what is missing as root; otherwise says how and exits 2.
install_packages() {
    local log=$1 missing
    shift
    mapfile -t missing < <(packages_missing "$@")
    ((${#missing[@]})) || return 0
    if ((EUID != 0)); then
        say "Thiếu gói phần mềm; hãy chạy dòng sau rồi chạy lại:" \
            "Packages are missing; run this line, then run me again:" >&2
        echo "  sudo apt-get update && sudo apt-get install --no-install-recommends -y ${missing[*]}" >&2
        exit 2
    fi
    say "Cài ${#missing[@]} gói: ${missing[*]}" "Installing ${#missing[@]} packages: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    if ! { apt-get -o DPkg::Lock::Timeout=600 update &&
        apt-get -o DPkg::Lock::Timeout=600 install -y --no-install-recommends "${missing[@]}"; } \
        >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        say "Không cài được gói phần mềm: xem $log" "The packages could not be installed: see $log" >&2
        exit 2
    fi
}
